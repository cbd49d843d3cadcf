/**
 * The files of `deploy/`, held against the service: no container engine and no cluster is needed.
 * Kubernetes' own kinds are validated by their schemas and, for names that do not exist, by their
 * types; of the Prometheus Operator's kind only what is said below is checked.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Deployment } from "kubernetes-models/apps/v1";
import { HorizontalPodAutoscaler } from "kubernetes-models/autoscaling/v2";
import { Ingress, NetworkPolicy } from "kubernetes-models/networking.k8s.io/v1";
import { PodDisruptionBudget } from "kubernetes-models/policy/v1";
import { ConfigMap, Service, ServiceAccount } from "kubernetes-models/v1";
import { afterAll, describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { Metrics } from "../../packages/sojourn-server/src/api/metrics.ts";
import { COMMANDS, parseWords } from "../../packages/sojourn-server/src/cli/run.ts";
import { readConfig } from "../../packages/sojourn-server/src/config/config.ts";
import type { ServerConfig } from "../../packages/sojourn-server/src/config/config.ts";
import { OTHER_ENV, SETTINGS } from "../../packages/sojourn-server/src/config/settings.ts";
import { STOP_MS_MAX } from "../../packages/sojourn-server/src/main/service.ts";
import { chart, standardManifests, substitute } from "../../tools/manifests.mjs";
import { files, read, root } from "../tidy/repository.ts";
import { printed } from "./balancer-harness.ts";
import { at, folder, SECRET } from "./service-harness.ts";

const place = folder();
const secretFile = join(place.path, "secret");
writeFileSync(secretFile, `${SECRET}\n`);
symlinkSync(join(root, "node_modules"), join(place.path, "node_modules"));
writeFileSync(join(place.path, "package.json"), '{"type":"module"}');
afterAll(() => place.remove());

type Env = Readonly<Record<string, string>>;

/** What the service would make of a command line and an environment; it says what it refuses. */
function configured(argv: readonly string[], env: Env): ServerConfig {
  const [name] = argv;
  const command = COMMANDS.find((one) => one.name === name);
  if (command === undefined) throw new Error(`no command ${String(name)}`);
  const { values, positionals } = parseWords(command, argv);
  expect(positionals).toEqual([name]);
  const known = [...OTHER_ENV, ...SETTINGS.map((setting) => setting.env)];
  expect(Object.keys(env).filter((one) => one.startsWith("SOJOURN_"))).toSatisfy(
    (names: string[]) => names.every((one) => known.includes(one)),
  );
  const there = {
    ...env,
    ...("SOJOURN_SECRET_FILE" in env && { SOJOURN_SECRET_FILE: secretFile }),
  };
  return readConfig({ flags: values, env: there });
}

const standard = configured(["serve"], { SOJOURN_SECRETS: SECRET });

interface Instruction {
  readonly stage: number;
  readonly word: string;
  readonly rest: string;
}

function instructions(): Instruction[] {
  const text = read("deploy/container/Containerfile").replaceAll(/\\\n/g, " ");
  let stage = -1;
  return text
    .split("\n")
    .filter((line) => !/^\s*(?:#|$)/.test(line))
    .map((line) => {
      const [, word = "", rest = ""] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
      if (word === "FROM") stage += 1;
      return { stage, word, rest };
    });
}

describe("the Containerfile", () => {
  const all = instructions();
  const last = all.filter(({ stage }) => stage === 2);
  const values = (word: string, from = last): string[] =>
    from.filter((one) => one.word === word).map(({ rest }) => rest);

  it("has instructions that exist, and begins from the Node of this repository", () => {
    const known =
      "FROM WORKDIR COPY RUN ENV USER VOLUME EXPOSE STOPSIGNAL HEALTHCHECK ENTRYPOINT CMD";
    expect(all.filter(({ word }) => !known.split(" ").includes(word))).toEqual([]);
    const { devDependencies } = JSON.parse(read("package.json")) as {
      devDependencies: Record<string, string>;
    };
    const from = `docker.io/library/node:${devDependencies["node"]}-`;
    expect(values("FROM", all).every((image) => image.startsWith(from))).toBe(true);
  });

  it("copies what is in the repository, and all that npm ci looks at", () => {
    const copies = values("COPY", all).filter((rest) => !rest.startsWith("--from"));
    const sources = copies.flatMap((rest) => rest.split(" ").slice(0, -1));
    expect(sources.filter((source) => !existsSync(join(root, source)))).toEqual([]);
    const manifests = files.filter((file) =>
      /^(?:packages\/[^/]+|console)\/package.json$/.test(file),
    );
    const second = values(
      "COPY",
      all.filter(({ stage }) => stage === 1),
    ).join(" ");
    for (const file of [...manifests, "examples/notes/package.json", "package-lock.json"]) {
      expect(second).toContain(file);
    }
    // What comes from other stages is where they put it.
    for (const rest of values("COPY").filter((one) => one.startsWith("--from"))) {
      const [from = "", source = "", target = ""] = rest.split(" ");
      const stage = all.find((one) => one.rest.endsWith(`AS ${from.slice("--from=".length)}`));
      const home = values(
        "WORKDIR",
        all.filter((one) => one.stage === stage?.stage),
      )[0];
      expect(source === home || source.startsWith(`${home}/packages/`)).toBe(true);
      expect(target.startsWith("./")).toBe(true);
    }
  });

  it("runs the service as nobody in particular, on its usual ports", () => {
    const [user = ""] = values("USER");
    expect(user).toMatch(/^[1-9]\d{3,}:[1-9]\d{3,}$/);
    expect(values("EXPOSE")).toEqual([`${standard.port} ${standard.metrics?.port}`]);
    const [entry = ""] = values("ENTRYPOINT");
    const [node, program = ""] = JSON.parse(entry) as string[];
    const { bin } = JSON.parse(read("packages/sojourn-server/package.json")) as {
      bin: { sojourn: string };
    };
    expect(node).toBe("node");
    expect(program).toBe(join("/app/packages/sojourn-server", bin.sojourn));
    const env = Object.fromEntries(
      values("ENV").flatMap((rest) => rest.split(/\s+/).map((pair) => pair.split("="))),
    ) as Env;
    const [command = ""] = values("CMD");
    const config = configured(JSON.parse(command) as string[], {
      ...env,
      SOJOURN_SECRETS: SECRET,
    });
    expect([config.production, config.host]).toEqual([true, "0.0.0.0"]);
    expect(config.audit.spool?.startsWith(values("VOLUME")[0] ?? "?")).toBe(true);
    expect(values("HEALTHCHECK")[0]).toContain(`http://127.0.0.1:${standard.port}/healthz`);
  });

  it("takes nothing along that is secret or was made", () => {
    const ignored = read(".dockerignore").split("\n");
    expect(ignored).toEqual(expect.arrayContaining([".sojourn", "**/node_modules", "**/dist"]));
  });
});

interface Compose {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly networks: Readonly<Record<string, object>>;
  readonly volumes: Readonly<Record<string, object>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
}

interface ComposeService {
  readonly image: string;
  readonly command?: readonly string[];
  readonly environment?: Env;
  readonly secrets?: readonly string[];
  readonly networks: readonly string[];
  readonly volumes?: readonly string[];
  readonly depends_on?: Readonly<Record<string, object>>;
  readonly stop_grace_period?: string;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
}

describe("the compose file", () => {
  const compose = parse(read("deploy/compose/compose.yaml"), { merge: true }) as Compose;
  const { services } = compose;
  const ours = Object.entries(services).filter(([, { image }]) => image.startsWith("sojourn:"));

  it("runs two services with settings that the service takes", () => {
    expect(ours.map(([name]) => name)).toEqual(["sojourn-1", "sojourn-2"]);
    for (const [, one] of ours) {
      const env = Object.fromEntries(
        Object.entries(one.environment ?? {}).map(([name, value]) => [
          name,
          value.replaceAll(/\$\{[A-Z_]+:\?[^}]*\}/g, "x1"),
        ]),
      );
      const config = configured(one.command ?? [], env);
      expect([config.store.kind, config.control.kind]).toEqual(["redis", "postgres"]);
      const grace = Number(/^(\d+)s$/.exec(one.stop_grace_period ?? "")?.[1]) * 1_000;
      expect(grace).toBeGreaterThan(config.drainMs + STOP_MS_MAX);
      expect([one.read_only, one.cap_drop]).toEqual([true, ["ALL"]]);
      expect(env["SOJOURN_PROXIES"]).toBe(at(compose, "networks.inside.ipam.config.0.subnet"));
    }
  });

  it("names networks, volumes, secrets and services that are there, and holds no secret", () => {
    for (const one of Object.values(services)) {
      expect(one.networks.filter((name) => !(name in compose.networks))).toEqual([]);
      expect((one.secrets ?? []).filter((name) => !(name in compose.secrets))).toEqual([]);
      expect(Object.keys(one.depends_on ?? {}).filter((name) => !(name in services))).toEqual([]);
      for (const volume of one.volumes ?? []) {
        const [source = ""] = volume.split(":");
        const file = join(root, "deploy/compose", source);
        expect(source.startsWith("./") ? existsSync(file) : source in compose.volumes).toBe(true);
      }
      for (const [name, value] of Object.entries(one.environment ?? {})) {
        if (/PASSWORD|AUTH/.test(name)) expect(value).toMatch(/^\$\{[A-Z_]+:\?[^}]*\}$/);
        expect(value).not.toMatch(/:\/\/[^$]*:[^$/]+@/);
      }
    }
  });

  it("puts nginx before them as sojourn lb prints it", async () => {
    const nodes = ours.flatMap(([name]) => ["--node", `${name}:${standard.port}`]);
    const text = await printed("nginx", ...nodes, "--listen", "0.0.0.0:8080");
    expect(read("deploy/compose/nginx.conf")).toBe(text);
    expect(at(services, "nginx.ports")).toEqual(["127.0.0.1:8080:8080"]);
  });
});

/** Constructor, and the module and type of its interface. */
const KINDS = {
  ConfigMap: [ConfigMap, "v1"],
  Service: [Service, "v1"],
  ServiceAccount: [ServiceAccount, "v1"],
  Deployment: [Deployment, "apps/v1"],
  HorizontalPodAutoscaler: [HorizontalPodAutoscaler, "autoscaling/v2"],
  Ingress: [Ingress, "networking.k8s.io/v1"],
  NetworkPolicy: [NetworkPolicy, "networking.k8s.io/v1"],
  PodDisruptionBudget: [PodDisruptionBudget, "policy/v1"],
} as const;
const OPERATOR = "ServiceMonitor";
const ADAPTER = "prometheus-adapter-values.yaml";
const SELECTORS = [
  ["Deployment", "spec.selector.matchLabels"],
  ["Service", "spec.selector"],
  ["PodDisruptionBudget", "spec.selector.matchLabels"],
  ["NetworkPolicy", "spec.podSelector.matchLabels"],
  [OPERATOR, "spec.selector.matchLabels"],
] as const;

type Manifest = Readonly<Record<string, unknown>> & { readonly kind: string };

function isMap(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function documents(text: string): Manifest[] {
  return parseAllDocuments(text).map((document) => {
    expect(document.errors).toEqual([]);
    return document.toJS() as Manifest;
  });
}

/** By schema what is wrong, by type what does not exist. */
function validate(all: readonly Manifest[]): void {
  const lines: string[] = [];
  for (const manifest of all) {
    const known = KINDS[manifest.kind as keyof typeof KINDS];
    const [Model, module] = known;
    expect(manifest["apiVersion"]).toBe(module);
    new Model(manifest as never).validate();
    const type = `import("kubernetes-models/${module}").I${manifest.kind}`;
    lines.push(`export const m${lines.length}: ${type} = ${JSON.stringify(manifest, null, 1)};`);
  }
  const file = join(place.path, "manifests.ts");
  writeFileSync(file, lines.join("\n"));
  const options =
    "--noEmit --ignoreConfig --strict --skipLibCheck --target es2023 --module nodenext --types node";
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  try {
    execFileSync(process.execPath, [tsc, ...options.split(" "), file], { encoding: "utf8" });
  } catch (error) {
    throw new Error(String((error as { stdout?: string }).stdout), { cause: error });
  }
}

describe("the Kubernetes manifests", () => {
  const all = readdirSync(join(root, "deploy/kubernetes"))
    .filter((name) => name !== ADAPTER)
    .flatMap((name) => documents(read(`deploy/kubernetes/${name}`)));
  const of = (kind: string): Manifest => {
    const found = all.filter((one) => one.kind === kind);
    expect(found.length).toBe(1);
    return found[0] as Manifest;
  };
  const pod = at(of("Deployment"), "spec.template.spec") as Readonly<Record<string, unknown>>;
  const container = at(pod, "containers.0");
  const labels = { "app.kubernetes.io/name": "sojourn" };

  it("are what their schemas and types say, and none holds a secret", () => {
    validate(all.filter(({ kind }) => kind !== OPERATOR));
    expect(all.map(({ kind }) => kind)).not.toContain("Secret");
    const wrong = { ...of("Service"), spec: { portz: [] } };
    expect(() => validate([wrong])).toThrow("portz");
  });

  it("are those of the chart with its own values, which are all used", () => {
    const used = new Set<string>();
    for (const { name, text, used: paths } of standardManifests()) {
      for (const path of paths) used.add(path);
      expect(read(`deploy/kubernetes/${name}`)).toBe(text);
    }
    const unused = (value: unknown, path: string): string[] => {
      if (used.has(path)) return [];
      const members = Object.entries(isMap(value) ? value : {});
      const below = members.flatMap(([key, one]) =>
        unused(one, path === "" ? key : `${path}.${key}`),
      );
      return members.length === 0 ? [path] : below;
    };
    const values: unknown = parse(read("deploy/helm/sojourn/values.yaml"));
    expect(unused(values, "")).toEqual([]);
    expect(unused({ ...(values as object), more: {} }, "")).toEqual(["more"]);
    expect(at(parse(read("deploy/helm/sojourn/Chart.yaml")), "apiVersion")).toBe("v2");
  });

  it("refuse an expression of the chart that nobody here could follow", () => {
    expect(() => substitute('a: {{ include "x" . }}\n', {})).toThrow("another kind");
    expect(() => substitute("a: {{ .Values.x | toJson }}\n", {})).toThrow("not in values.yaml");
    expect(existsSync(join(chart, "templates"))).toBe(true);
  });

  it("give the service settings that it takes, and enough time to stop", () => {
    const settings = of("ConfigMap")["data"] as Env;
    const env = at(container, "env") as readonly { readonly name: string }[];
    const urls = { SOJOURN_STORE: "redis://redis:6379", SOJOURN_CONTROL: "postgres://u@h/d" };
    expect(env.map(({ name }) => name)).toEqual(Object.keys(urls));
    const config = configured(at(container, "args") as string[], { ...settings, ...urls });
    const grace = Number(pod["terminationGracePeriodSeconds"]) * 1_000;
    const preStop = Number(at(container, "lifecycle.preStop.sleep.seconds")) * 1_000;
    expect(grace).toBeGreaterThan(preStop + config.drainMs + STOP_MS_MAX);
    // Longer than the readiness probe takes to notice.
    expect(config.drainMs).toBeGreaterThan(
      2_000 * Number(at(container, "readinessProbe.periodSeconds")),
    );
    const mounts = at(container, "volumeMounts") as readonly { readonly mountPath: string }[];
    const folders = mounts.map(({ mountPath }) => `${mountPath}/`);
    for (const path of [settings["SOJOURN_SECRET_FILE"], config.audit.spool]) {
      expect(folders.some((one) => path?.startsWith(one))).toBe(true);
    }
  });

  it("name ports, labels and paths that are there", () => {
    const ports = at(container, "ports") as readonly { name: string; containerPort: number }[];
    const byName = Object.fromEntries(ports.map((one) => [one.name, one.containerPort]));
    expect(byName).toEqual({ http: standard.port, metrics: standard.metrics?.port });
    for (const probe of ["startupProbe", "livenessProbe", "readinessProbe"]) {
      const { path, port } = at(container, `${probe}.httpGet`) as { path: string; port: string };
      expect(["/healthz", "/readyz"]).toContain(path);
      expect(byName).toHaveProperty(port);
    }
    const service = at(of("Service"), "spec.ports") as readonly { name: string }[];
    expect(service.map(({ name }) => name)).toEqual(Object.keys(byName));
    for (const [kind, path] of SELECTORS) expect(at(of(kind), path)).toEqual(labels);
    expect(at(of("Deployment"), "spec.template.metadata.labels")).toEqual(labels);
    expect(at(of("HorizontalPodAutoscaler"), "spec.scaleTargetRef.name")).toBe("sojourn");
    // Of the Prometheus Operator's kind: its version, and that it names a port of the Service.
    expect(of(OPERATOR)["apiVersion"]).toBe("monitoring.coreos.com/v1");
    expect(at(of(OPERATOR), "spec.endpoints.0")).toMatchObject({
      port: "metrics",
      path: "/metrics",
    });
    expect(at(of(OPERATOR), "spec.endpoints")).toHaveLength(1);
  });

  it("scale on a metric that the service has", async () => {
    const { metric } = at(of("HorizontalPodAutoscaler"), "spec.metrics.0.pods") as {
      metric: { name: string };
    };
    const rule = at(parse(read(`deploy/kubernetes/${ADAPTER}`)), "rules.custom.0");
    expect(at(rule, "name.as")).toBe(metric.name);
    const [series = ""] = String(at(rule, "seriesQuery")).split("{");
    expect(at(rule, "name.matches")).toBe(`^${series}$`);
    const { registry } = new Metrics();
    expect((await registry.getMetricsAsJSON()).map(({ name }) => name)).toContain(series);
  });

  it("let a pod do no more than it must", () => {
    expect(pod["securityContext"]).toMatchObject({ runAsNonRoot: true, runAsUser: 10_001 });
    expect(at(container, "securityContext")).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
    expect(pod["automountServiceAccountToken"]).toBe(false);
    expect(at(of("NetworkPolicy"), "spec.policyTypes")).toEqual(["Ingress", "Egress"]);
  });

  it("and those of sojourn lb k8s are what their schemas and types say", async () => {
    const argv = ["--node", "sojourn:7380", "--tls-cert", "/tls/crt", "--tls-key", "/tls/key"];
    for (const more of [[], ["--sticky"]]) {
      validate(documents(await printed("k8s", ...argv, ...more)));
    }
  });
});
