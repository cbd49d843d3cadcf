import { useEffect, useState } from "react";
import { useConsole } from "../api/console.ts";
import { reasonWords } from "../ui/badge.tsx";
import { Button, IconButton } from "../ui/button.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { Field } from "../ui/field.tsx";
import {
  filterOf,
  INDEX_FACETS,
  keepQueries,
  savedQueries,
  searchOf,
  STATES,
} from "./explorer-filter.ts";
import type { Facet, Filter, Saved } from "./explorer-filter.ts";

interface FacetsProps {
  readonly filter: Filter;
  readonly onChange: (filter: Filter) => void;
}

const SETTLE_MS = 300;
const REASONS = [
  "logout",
  "revoked",
  "idle_timeout",
  "absolute_timeout",
  "replaced",
  "evicted",
  "reuse_detected",
  "subject_revoked",
];

export function Facets({ filter, onChange }: FacetsProps) {
  const { has } = useConsole();
  const indexed = has("POST /v1/bulk");
  const [draft, setDraft] = useState(filter);
  const settled = searchOf(filter);
  useEffect(() => setDraft(filterOf(settled)), [settled]);
  const change = (facet: Facet, value: string): void => {
    const { [facet]: _old, ...rest } = draft;
    // What has a reason has ended.
    const implied = facet === "reason" && value !== "" ? { state: "ended" } : {};
    setDraft(value === "" ? rest : { ...rest, ...implied, [facet]: value });
  };
  const wanted = searchOf(draft);
  useEffect(() => {
    if (wanted === settled) return undefined;
    const timer = setTimeout(() => onChange(filterOf(wanted)), SETTLE_MS);
    return () => clearTimeout(timer);
  });
  const text = (facet: Facet, type = "search") => (
    <input
      type={type}
      value={draft[facet] ?? ""}
      spellCheck={false}
      onChange={({ target }) => change(facet, target.value)}
    />
  );
  return (
    <form className="facets" role="search" onSubmit={(event) => event.preventDefault()}>
      <Field label="Subject">{text("subject")}</Field>
      <Field label="Device">{text("device")}</Field>
      <Field label="State">
        <select
          value={draft.state ?? "live"}
          onChange={({ target }) => change("state", target.value === "live" ? "" : target.value)}
        >
          {STATES.map((state) => (
            <option key={state}>{state}</option>
          ))}
        </select>
      </Field>
      {indexed ? <IndexFacets draft={draft} onChange={change} /> : null}
      <Field label="Opened from">{text("createdFrom", "datetime-local")}</Field>
      <Field label="Opened before">{text("createdBefore", "datetime-local")}</Field>
      <SavedQueries filter={filter} onChange={onChange} />
    </form>
  );
}

interface IndexFacetsProps {
  readonly draft: Filter;
  readonly onChange: (facet: Facet, value: string) => void;
}

function IndexFacets({ draft, onChange }: IndexFacetsProps) {
  return (
    <>
      {INDEX_FACETS.map(([facet, label, hint]) => (
        <Field key={facet} label={label}>
          <input
            type="search"
            placeholder={hint}
            spellCheck={false}
            value={draft[facet] ?? ""}
            onChange={({ target }) => onChange(facet, target.value)}
          />
        </Field>
      ))}
      <Field label="Why it ended">
        <select
          value={draft.reason ?? ""}
          onChange={({ target }) => onChange("reason", target.value)}
        >
          <option value="">any reason</option>
          {REASONS.map((reason) => (
            <option key={reason} value={reason}>
              {reasonWords(reason)}
            </option>
          ))}
        </select>
      </Field>
    </>
  );
}

function SavedQueries({ filter, onChange }: FacetsProps) {
  const [all, setAll] = useState(savedQueries);
  const [open, setOpen] = useState(false);
  const change = (next: readonly Saved[]): void => {
    keepQueries(next);
    setAll(next);
  };
  return (
    <div className="facets-saved">
      <Button onClick={() => setOpen(true)}>
        Saved queries{all.length > 0 && ` (${all.length})`}
      </Button>
      {open ? (
        <Dialog title="Saved queries" onClose={() => setOpen(false)}>
          <ul className="stack-tight">
            {all.map((saved) => (
              <li key={saved.name} className="row row-wide">
                <button
                  type="button"
                  className="link"
                  onClick={() => {
                    onChange(filterOf(saved.search));
                    setOpen(false);
                  }}
                >
                  {saved.name}
                </button>
                <IconButton
                  icon="close"
                  label={`Forget ${saved.name}`}
                  onClick={() => change(all.filter(({ name }) => name !== saved.name))}
                />
              </li>
            ))}
          </ul>
          <SaveForm
            filter={filter}
            onSave={(saved) => change([...all.filter(({ name }) => name !== saved.name), saved])}
          />
          <div className="dialog-foot">
            <Button onClick={() => setOpen(false)}>Close</Button>
          </div>
        </Dialog>
      ) : null}
    </div>
  );
}

interface SaveFormProps {
  readonly filter: Filter;
  readonly onSave: (saved: Saved) => void;
}

function SaveForm({ filter, onSave }: SaveFormProps) {
  const [name, setName] = useState("");
  const search = searchOf(filter);
  if (search === "") return <p className="soft">Narrow the table first; then save it by a name.</p>;
  return (
    <form
      className="row"
      onSubmit={(event) => {
        event.preventDefault();
        event.stopPropagation();
        if (name.trim() !== "") onSave({ name: name.trim(), search });
        setName("");
      }}
    >
      <Field label="Save what is shown now as" hint="Kept in this browser alone.">
        <input value={name} onChange={({ target }) => setName(target.value)} maxLength={64} />
      </Field>
      <Button type="submit" kind="primary" disabled={name.trim() === ""}>
        Save
      </Button>
    </form>
  );
}
