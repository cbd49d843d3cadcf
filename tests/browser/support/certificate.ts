/** A certificate for one test run, made by openssl, and what a browser needs to believe it. */
import { execFileSync } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface TestCertificate {
  readonly key: string;
  readonly cert: string;
  /** Base64 SHA-256 of the public key, for `launchChromium`. */
  readonly trustedKey: string;
}

/** @param names For whom, as openssl writes it. */
export function makeCertificate(names: string = "DNS:*.example.test"): TestCertificate {
  const folder = mkdtempSync(join(tmpdir(), "sojourn-certificate-"));
  try {
    const [keyFile, certFile] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    const subject = ["-subj", "/CN=example.test", "-addext", `subjectAltName=${names}`];
    const args = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
    execFileSync(
      "openssl",
      [...args, "-nodes", "-days", "2", ...subject, "-keyout", keyFile, "-out", certFile],
      { stdio: "pipe" },
    );
    const cert = readFileSync(certFile, "utf8");
    const spki = new X509Certificate(cert).publicKey.export({ type: "spki", format: "der" });
    const trustedKey = createHash("sha256").update(spki).digest("base64");
    return { key: readFileSync(keyFile, "utf8"), cert, trustedKey };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
