// Authorization headers for one repository: what the registry's challenge asks for, with the user's login or without.
// Specification: the registry token specifications of distribution ("Token Authentication", "OAuth2").

import { monotonicMs } from "../clock.ts";
import { parseChallenges } from "./challenge.ts";
import type { Credentials } from "./credentials.ts";
import { hintFor, RegistryError } from "./errors.ts";
import type { Redactor } from "./secrets.ts";
import { showUrl } from "./secrets.ts";
import type { HttpAnswer, HttpRequest, RequestBody } from "./transport.ts";

/** What the registry wants to see. */
type Scheme =
  | { readonly kind: "basic" }
  | { readonly kind: "bearer"; readonly realm: URL; readonly service: string | undefined };

interface Token {
  readonly header: string;
  /** By the clock of {@link monotonicMs}; when it should no longer be used. */
  readonly expiresAtMs: number;
}

/** What the authorizer needs of its surroundings. */
export interface AuthorizerHost {
  /** The registry, for messages. */
  readonly name: string;
  readonly redactor: Redactor;
  /** Whether a token service may be spoken to by plain HTTP. */
  readonly allowsHttp: () => boolean;
  /** Looks for the login; called once, when the registry wants one. */
  readonly findCredentials: () => Promise<Credentials | undefined>;
  /** Sends a request, with another try where it breaks off; returns answers of any other status than 429 and 5xx. */
  readonly send: (request: Omit<HttpRequest, "signal">) => Promise<HttpAnswer>;
  readonly readDocument: (answer: HttpAnswer, maxSize: number) => Promise<Buffer>;
}

const LARGEST_TOKEN_ANSWER = 1 << 20;
/** How long a token is good when nobody says so, seconds; by the specification. */
const DEFAULT_LIFE = 60;
/** A token is renewed this long before it ends, or when four fifths of its life are over. */
const RENEW_BEFORE_MS = 20_000;
const CLIENT_ID = "tare";

export class Authorizer {
  readonly #host: AuthorizerHost;
  readonly #tokens = new Map<string, Promise<Token>>();
  #scheme: Scheme | undefined;
  #credentials: Promise<Credentials | undefined> | undefined;
  /** Given by the token service, for further tokens. */
  #refreshToken: string | undefined;

  constructor(host: AuthorizerHost) {
    this.#host = host;
  }

  /** The header for a request with these scopes; undefined as long as the registry has asked for none. */
  async header(scopes: readonly string[]): Promise<string | undefined> {
    if (this.#scheme === undefined) return undefined;
    if (this.#scheme.kind === "basic") return this.#basicHeader();
    const credentials = await this.#findCredentials();
    if (credentials?.kind === "registry-token") return `Bearer ${credentials.token}`;
    return (await this.#token(this.#scheme, scopes)).header;
  }

  /**
   * Takes a 401 in.
   *
   * @param sent The header that was refused.
   * @returns Whether to send the request again, with a new header.
   * @throws {RegistryError} `REGISTRY_UNAUTHORIZED` when there is no login to answer with.
   */
  async refused(answer: HttpAnswer, scopes: readonly string[], sent: string | undefined): Promise<boolean> {
    const before = this.#scheme;
    const challenge = this.#readChallenge(answer);
    if (challenge === undefined) return false;
    this.#scheme = challenge;
    if (challenge.kind === "basic") {
      const header = await this.#basicHeader();
      if (header === undefined) throw this.#unauthorized("it wants a user name and a password");
      return header !== sent;
    }
    if (sent === undefined && before === undefined) return true;
    const key = tokenKey(scopes);
    const current = this.#tokens.get(key);
    // Another request may have renewed it meanwhile.
    if (current !== undefined && (await current).header === sent) this.#tokens.delete(key);
    return (await this.#findCredentials())?.kind !== "registry-token" || sent === undefined;
  }

  #readChallenge(answer: HttpAnswer): Scheme | undefined {
    const challenges = parseChallenges(answer.header("www-authenticate") ?? "");
    const bearer = challenges.find(({ scheme }) => scheme === "bearer");
    const realm = bearer?.parameters["realm"];
    if (realm !== undefined) {
      return {
        kind: "bearer",
        realm: this.#checkRealm(realm, answer.url),
        service: bearer?.parameters["service"],
      };
    }
    return challenges.some(({ scheme }) => scheme === "basic") ? { kind: "basic" } : undefined;
  }

  /** A password is sent there: it must not go in clear where the registry itself is reached by TLS. */
  #checkRealm(text: string, base: URL): URL {
    const realm = URL.canParse(text, base.href) ? new URL(text, base) : undefined;
    if (realm?.protocol === "https:" || (realm?.protocol === "http:" && this.#host.allowsHttp()))
      return realm;
    const shown = realm === undefined ? "no URL" : showUrl(realm);
    throw this.#unauthorized(`its token service is ${shown}, HTTPS was wanted`);
  }

  async #basicHeader(): Promise<string | undefined> {
    const credentials = await this.#findCredentials();
    if (credentials?.kind !== "password") return undefined;
    return formatBasic(credentials.username, credentials.password);
  }

  #findCredentials(): Promise<Credentials | undefined> {
    this.#credentials ??= this.#host.findCredentials().then((found) => {
      if (found?.kind === "password") {
        this.#host.redactor.add(found.password);
        this.#host.redactor.add(`${found.username}:${found.password}`);
      } else if (found !== undefined) this.#host.redactor.add(found.token);
      return found;
    });
    return this.#credentials;
  }

  async #token(scheme: Scheme & { kind: "bearer" }, scopes: readonly string[]): Promise<Token> {
    const key = tokenKey(scopes);
    const known = this.#tokens.get(key);
    if (known !== undefined && (await known).expiresAtMs > monotonicMs()) return known;
    // Whoever waited here as well may have asked for a new one already.
    const other = this.#tokens.get(key);
    if (other !== undefined && other !== known) return other;
    const asked = this.#askForToken(scheme, scopes);
    this.#tokens.set(key, asked);
    asked.catch(() => {
      if (this.#tokens.get(key) === asked) this.#tokens.delete(key);
    });
    return asked;
  }

  async #askForToken(scheme: Scheme & { kind: "bearer" }, scopes: readonly string[]): Promise<Token> {
    const credentials = await this.#findCredentials();
    const refresh = credentials?.kind === "identity-token" ? credentials.token : this.#refreshToken;
    const startMs = monotonicMs();
    let answer =
      refresh === undefined
        ? await this.#host.send(tokenQuery(scheme, scopes, credentials))
        : await this.#host.send(
            tokenForm(scheme, scopes, { grant_type: "refresh_token", refresh_token: refresh }),
          );
    if (refresh !== undefined && answer.status >= 400 && credentials?.kind !== "identity-token") {
      await answer.body.dump().catch(() => undefined);
      this.#refreshToken = undefined;
      answer = await this.#host.send(tokenQuery(scheme, scopes, credentials));
    }
    if ((answer.status === 404 || answer.status === 405) && credentials?.kind === "password") {
      await answer.body.dump().catch(() => undefined);
      const { username, password } = credentials;
      answer = await this.#host.send(
        tokenForm(scheme, scopes, { grant_type: "password", username, password }),
      );
    }
    return this.#readToken(answer, startMs, credentials !== undefined);
  }

  async #readToken(answer: HttpAnswer, startMs: number, isLoggedIn: boolean): Promise<Token> {
    const bytes = await this.#host.readDocument(answer, LARGEST_TOKEN_ANSWER);
    if (answer.status !== 200) {
      const said = isLoggedIn ? "does not accept the login" : "gives no token without a login";
      throw this.#unauthorized(`its token service at ${answer.url.host} ${said} (status ${answer.status})`);
    }
    let value: unknown;
    try {
      value = JSON.parse(bytes.toString("utf8"));
    } catch {
      // The text is secret, and JSON.parse would quote it.
    }
    const document = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
    const { token, access_token: accessToken, expires_in: life, refresh_token: refresh } = document;
    const text = [token, accessToken].find((item) => typeof item === "string" && item !== "");
    if (typeof text !== "string" || !/^[\x21-\x7e]+$/.test(text)) {
      throw new RegistryError(
        "REGISTRY_FAULTY",
        `Cannot log in to ${this.#host.name}: the answer of its token service at ${answer.url.host} has no token`,
        { hint: hintFor("REGISTRY_FAULTY") },
      );
    }
    this.#host.redactor.add(text);
    if (typeof refresh === "string" && refresh !== "") {
      this.#host.redactor.add(refresh);
      this.#refreshToken = refresh;
    }
    const lifeMs = 1000 * (typeof life === "number" && life > 0 ? life : DEFAULT_LIFE);
    return {
      header: `Bearer ${text}`,
      expiresAtMs: startMs + Math.max(lifeMs - RENEW_BEFORE_MS, lifeMs * 0.8),
    };
  }

  #unauthorized(problem: string): RegistryError {
    return new RegistryError("REGISTRY_UNAUTHORIZED", `Cannot log in to ${this.#host.name}: ${problem}`, {
      hint: loginHint(this.#host.name),
    });
  }
}

/** How to log in to a registry. */
export function loginHint(host: string): string {
  return `Log in with podman login ${host} or docker login ${host}, or set TARE_REGISTRY_USERNAME and TARE_REGISTRY_PASSWORD`;
}

function tokenKey(scopes: readonly string[]): string {
  return [...scopes].sort().join(" ");
}

function formatBasic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

function tokenQuery(
  { realm, service }: Scheme & { kind: "bearer" },
  scopes: readonly string[],
  credentials: Credentials | undefined,
): Omit<HttpRequest, "signal"> {
  const url = new URL(realm);
  if (service !== undefined) url.searchParams.set("service", service);
  for (const scope of scopes) url.searchParams.append("scope", scope);
  if (credentials?.kind !== "password") return { method: "GET", target: url };
  const { username, password } = credentials;
  url.searchParams.set("account", username);
  return { method: "GET", target: url, authorization: formatBasic(username, password) };
}

function tokenForm(
  { realm, service }: Scheme & { kind: "bearer" },
  scopes: readonly string[],
  fields: Readonly<Record<string, string>>,
): Omit<HttpRequest, "signal"> {
  const form = new URLSearchParams({ ...fields, client_id: CLIENT_ID, scope: scopes.join(" ") });
  if (service !== undefined) form.set("service", service);
  const bytes = Buffer.from(form.toString());
  const body: RequestBody = {
    size: bytes.length,
    mediaType: "application/x-www-form-urlencoded",
    open: () => bytes,
    isSecret: true,
  };
  return { method: "POST", target: realm, body };
}
