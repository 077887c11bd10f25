// Who may do what: none, basic, or bearer tokens of an own token endpoint (docker's token authentication, with OAuth2).

import { randomBytes } from "node:crypto";
import { type Answer, json, Refusal, type RegistryRequest } from "./answer.ts";

export interface TokenRules {
  readonly mode: "token";
  readonly username: string;
  readonly password: string;
  /** Without credentials, tokens to pull are given. */
  readonly anonymousPull?: boolean;
  /** How long a token is good for, and said to be; 300 unless told. */
  readonly lifetimeSeconds?: number;
  /** False: `expires_in` is not said, so that clients must take it for 60 seconds. */
  readonly saysLifetime?: boolean;
  /** The field that the token is answered in. */
  readonly field?: "token" | "access_token";
  /** False: the token endpoint knows GET only. */
  readonly oauth?: boolean;
  /** A refresh token that is good from the start, as `docker login` may have kept it. */
  readonly refreshToken?: string;
}

export type AuthRules =
  | { readonly mode: "none" }
  | { readonly mode: "basic"; readonly username: string; readonly password: string }
  | TokenRules;

interface Token {
  /** `<repository>:<action>` and `registry:catalog:*`. */
  readonly grants: ReadonlySet<string>;
  readonly expiresMs: number;
}

const SERVICE = "tare-test-registry";

/** Checks requests, and gives out tokens. */
export class Authorization {
  readonly #rules: AuthRules;
  readonly #tokens = new Map<string, Token>();
  readonly #refreshTokens = new Set<string>();
  /** Every secret that was ever given out; none may be seen in what a client prints. */
  readonly secrets: string[] = [];

  constructor(rules: AuthRules) {
    this.#rules = rules;
    if (rules.mode !== "token" || rules.refreshToken === undefined) return;
    this.#refreshTokens.add(rules.refreshToken);
    this.secrets.push(rules.refreshToken);
  }

  /** Makes every token that was given out worthless. */
  expireTokens(): void {
    this.#tokens.clear();
  }

  /** @param url The registry's own, where the token endpoint is. */
  check(request: RegistryRequest, url: string): void {
    const rules = this.#rules;
    if (rules.mode === "none") return;
    const header = request.headers["authorization"];
    if (rules.mode === "basic") {
      if (isBasic(header, rules)) return;
      throw new Refusal("UNAUTHORIZED", "authentication required", {
        headers: { "WWW-Authenticate": `Basic realm="${SERVICE}"` },
      });
    }
    const needed = neededScopes(request);
    const token = this.#tokens.get(/^Bearer (.+)$/i.exec(header ?? "")?.[1] ?? "");
    const problem = this.#problem(header, token, needed);
    if (problem === undefined) return;
    const scope = needed.length === 0 ? "" : `,scope="${needed.join(" ")}"`;
    throw new Refusal("UNAUTHORIZED", "authentication required", {
      headers: {
        "WWW-Authenticate": `Bearer realm="${url}/token",service="${SERVICE}"${scope}${problem}`,
      },
    });
  }

  #problem(header: string | undefined, token: Token | undefined, needed: readonly string[]) {
    if (header === undefined) return "";
    if (token === undefined || token.expiresMs <= Date.now()) return ',error="invalid_token"';
    const granted = needed.every((scope) => grantsOf(scope).every((grant) => token.grants.has(grant)));
    return granted ? undefined : ',error="insufficient_scope"';
  }

  /** The token endpoint: GET with basic credentials or none, POST as OAuth2. */
  giveToken(request: RegistryRequest): Answer {
    const rules = this.#rules;
    if (rules.mode !== "token") throw new Refusal("UNSUPPORTED", "there are no tokens here", { status: 404 });
    if (request.method === "POST" && rules.oauth !== false) return this.#answerPost(rules, request);
    if (request.method !== "GET") throw new Refusal("UNSUPPORTED", "only GET is known");
    const header = request.headers["authorization"];
    if (header !== undefined && !isBasic(header, rules))
      throw new Refusal("UNAUTHORIZED", "wrong user name or password");
    const offline = request.query.get("offline_token") === "true" && header !== undefined;
    return this.#answerToken(rules, request.query, header !== undefined, offline);
  }

  #answerPost(rules: TokenRules, request: RegistryRequest): Answer {
    const form = new URLSearchParams(request.body.toString("utf8"));
    const valid =
      form.get("grant_type") === "refresh_token"
        ? this.#refreshTokens.has(form.get("refresh_token") ?? "")
        : form.get("grant_type") === "password" &&
          form.get("username") === rules.username &&
          form.get("password") === rules.password;
    if (!valid) throw new Refusal("UNAUTHORIZED", "wrong user name, password or refresh token");
    if (!form.get("client_id")) return json({ error: "invalid_request" }, 400);
    return this.#answerToken(rules, form, true, form.get("access_type") === "offline");
  }

  #answerToken(rules: TokenRules, query: URLSearchParams, known: boolean, offline: boolean): Answer {
    if (query.get("service") !== SERVICE) return json({ error: "unknown service" }, 400);
    const asked = query.getAll("scope").flatMap((scope) => scope.split(" ").flatMap(grantsOf));
    const allowed = (grant: string) => known || (rules.anonymousPull === true && grant.endsWith(":pull"));
    const token = randomBytes(24).toString("hex");
    const lifetime = rules.lifetimeSeconds ?? 300;
    this.#tokens.set(token, {
      grants: new Set(asked.filter(allowed)),
      expiresMs: Date.now() + lifetime * 1000,
    });
    this.secrets.push(token);
    return json({
      [rules.field ?? "token"]: token,
      ...(rules.saysLifetime === false ? {} : { expires_in: lifetime }),
      ...(offline ? { refresh_token: this.#newRefreshToken() } : {}),
    });
  }

  #newRefreshToken(): string {
    const token = randomBytes(24).toString("hex");
    this.#refreshTokens.add(token);
    this.secrets.push(token);
    return token;
  }
}

function isBasic(header: string | undefined, { username, password }: { username: string; password: string }) {
  const [, encoded = ""] = /^Basic (.+)$/i.exec(header ?? "") ?? [];
  return Buffer.from(encoded, "base64").toString("utf8") === `${username}:${password}`;
}

/** `repository:a/b:pull,push` → `a/b:pull` and `a/b:push`. */
function grantsOf(scope: string): string[] {
  const [kind = "", ...rest] = scope.split(":");
  const actions = rest.pop() ?? "";
  const name = rest.join(":");
  return actions.split(",").map((action) => (kind === "repository" ? `${name}:${action}` : scope));
}

function neededScopes({ method, path, query }: RegistryRequest): string[] {
  if (path === "/v2/_catalog") return ["registry:catalog:*"];
  const name = /^\/v2\/(.+?)\/(?:blobs|manifests|tags|referrers)\//.exec(path)?.[1];
  if (name === undefined) return [];
  if (method === "DELETE" && !path.includes("/blobs/uploads/")) return [`repository:${name}:delete`];
  const reads = (method === "GET" || method === "HEAD") && !path.includes("/blobs/uploads/");
  const from = query.get("from");
  return [
    `repository:${name}:${reads ? "pull" : "pull,push"}`,
    ...(from === null ? [] : [`repository:${from}:pull`]),
  ];
}
