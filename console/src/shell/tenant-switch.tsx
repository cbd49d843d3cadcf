import { useLocation } from "wouter";
import { useConsole } from "../api/console.ts";

export function TenantSwitch() {
  const { me, tenant, setTenant } = useConsole();
  const [, navigate] = useLocation();
  if (me.tenants.length < 2) {
    return (
      <span className="tenant">
        <span className="soft">Tenant</span> {tenant}
      </span>
    );
  }
  return (
    <label className="tenant">
      <span className="soft">Tenant</span>
      <select
        className="input"
        value={tenant}
        onChange={({ target }) => {
          setTenant(target.value);
          // What is open belongs to the other tenant.
          navigate("/");
        }}
      >
        {[...new Set([...me.tenants, tenant])].map((each) => (
          <option key={each}>{each}</option>
        ))}
      </select>
    </label>
  );
}
