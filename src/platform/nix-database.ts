// The database of a Nix store, schema 10: what is valid, and what refers to what. Nix and Tare read each other's.
// Source: Nix's libstore/schema.sql and local-store.cc as of Nix 2.8 (the schema has not changed since Nix 2.0).

import { DatabaseSync, type StatementSync } from "node:sqlite";
import { compareStrings } from "../model/bytes.ts";
import { TareError } from "../model/errors.ts";
import type { PathInfo } from "../model/path-info.ts";
import { asStorePath, type StorePath } from "../model/store-path.ts";

export type NixDatabaseErrorCode =
  /** The file is no database of a Nix store, or is damaged. */
  | "STORE_DATABASE_INVALID"
  /** It cannot be opened or written: no permission, a full disk. */
  | "STORE_DATABASE_UNUSABLE"
  /** A path cannot be registered before those that it refers to. */
  | "STORE_REFERENCE_MISSING"
  /** A path that others refer to cannot be deleted. */
  | "STORE_PATH_IN_USE";

export class NixDatabaseError extends TareError<NixDatabaseErrorCode> {}

/** What `schema` beside the database holds. */
export const NIX_SCHEMA_VERSION = 10;

const SCHEMA = `
create table if not exists ValidPaths (
    id               integer primary key autoincrement not null,
    path             text unique not null,
    hash             text not null, -- base16 representation
    registrationTime integer not null,
    deriver          text,
    narSize          integer,
    ultimate         integer, -- null implies "false"
    sigs             text, -- space-separated
    ca               text -- if not null, an assertion that the path is content-addressed; see ValidPathInfo
);

create table if not exists Refs (
    referrer  integer not null,
    reference integer not null,
    primary key (referrer, reference),
    foreign key (referrer) references ValidPaths(id) on delete cascade,
    foreign key (reference) references ValidPaths(id) on delete restrict
);

create index if not exists IndexReferrer on Refs(referrer);
create index if not exists IndexReference on Refs(reference);

create trigger if not exists DeleteSelfRefs before delete on ValidPaths
  begin
    delete from Refs where referrer = old.id and reference = old.id;
  end;

create table if not exists DerivationOutputs (
    drv  integer not null,
    id   text not null, -- symbolic output id, usually "out"
    path text not null,
    primary key (drv, id),
    foreign key (drv) references ValidPaths(id) on delete cascade
);

create index if not exists IndexDerivationOutputs on DerivationOutputs(path);
`;

/** Milliseconds that a writer waits for another process. */
const BUSY_TIMEOUT = 60_000;

/** How a database is opened: `read` takes it as it is, even on a read-only disk; the others make it when it is not there. */
export type DatabaseMode = "read" | "write" | "rewrite-without-journal";

/** A path as it is registered. */
export interface Registration extends PathInfo {
  /** Seconds since the epoch. */
  readonly registrationTime: number;
}

interface Row {
  readonly id: number;
  readonly path: string;
  readonly hash: string;
  readonly registrationTime: number;
  readonly deriver: string | null;
  readonly narSize: number | null;
  readonly ultimate: number | null;
  readonly sigs: string | null;
  readonly ca: string | null;
}

interface RowWithReferences extends Row {
  /** Ids, joined by commas. */
  readonly refs: string | null;
}

const REFERENCES = "(select group_concat(reference) from Refs where referrer = ValidPaths.id) as refs";

const COLUMNS = "id, path, hash, registrationTime, deriver, narSize, ultimate, sigs, ca";

/** A closure starts here: the ids of some paths, given as a JSON list. */
const REACHED = `
  with recursive reached(id) as (
    select id from ValidPaths where path in (select value from json_each(?))
    union
    select reference from Refs join reached on Refs.referrer = reached.id
  )`;

/** Dispose of it when done. Every call is one transaction; other processes see all of it or nothing. */
export class NixDatabase implements Disposable {
  readonly #file: string;
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  /** @throws {NixDatabaseError} `STORE_DATABASE_INVALID` or `STORE_DATABASE_UNUSABLE`. */
  constructor(file: string, mode: DatabaseMode) {
    this.#file = file;
    this.#database = this.#guard("open", () => {
      // A database that nobody writes to may lie where no lock file can be made.
      const location = mode === "read" ? `${toFileUrl(file)}?mode=ro` : file;
      const database = new DatabaseSync(location, { readOnly: mode === "read" });
      database.exec(`pragma busy_timeout = ${BUSY_TIMEOUT}; pragma foreign_keys = on`);
      if (mode === "write") database.exec("pragma journal_mode = wal; pragma synchronous = normal");
      if (mode === "rewrite-without-journal")
        database.exec("pragma journal_mode = off; pragma synchronous = off");
      if (mode !== "read") database.exec(SCHEMA);
      database.prepare("select id from ValidPaths limit 1").get();
      return database;
    });
  }

  /**
   * Registers paths as valid, or all or none; those that are valid already get what is newly known of them.
   *
   * @param registrations References may be among them, in any order.
   * @param before Called inside the transaction before anything is registered: no other process registers meanwhile.
   * @throws {NixDatabaseError} `STORE_REFERENCE_MISSING`.
   */
  register(registrations: readonly Registration[], before: () => void = () => {}): void {
    this.#transaction(() => {
      before();
      const insert = this.#prepare(
        `insert into ValidPaths (path, hash, registrationTime, deriver, narSize, ultimate, sigs, ca)
         values (?, ?, ?, ?, ?, ?, ?, ?)
         on conflict (path) do update set hash = excluded.hash, narSize = excluded.narSize,
           deriver = coalesce(excluded.deriver, deriver), ultimate = coalesce(excluded.ultimate, ultimate),
           sigs = excluded.sigs, ca = coalesce(excluded.ca, ca)`,
      );
      for (const info of registrations) {
        insert.run(
          info.path,
          `sha256:${info.narHash}`,
          info.registrationTime,
          info.deriver ?? null,
          info.narSize,
          info.ultimate ? 1 : null,
          info.signatures.length === 0 ? null : info.signatures.join(" "),
          info.ca ?? null,
        );
      }
      const link = this.#prepare("insert or ignore into Refs (referrer, reference) values (?, ?)");
      for (const info of registrations) {
        const referrer = this.#idOf(info.path)!;
        for (const reference of [...info.references].sort(compareStrings)) {
          const id = this.#idOf(reference);
          if (id === undefined) throw this.#missing(info.path, reference);
          link.run(referrer, id);
        }
      }
    });
  }

  /** Says which outputs a derivation that is a valid path has. */
  registerOutputs(derivation: StorePath, outputs: ReadonlyMap<string, StorePath>): void {
    this.#transaction(() => {
      const drv = this.#idOf(derivation);
      if (drv === undefined) return;
      const insert = this.#prepare(
        "insert or replace into DerivationOutputs (drv, id, path) values (?, ?, ?)",
      );
      for (const [name, path] of outputs) insert.run(drv, name, path);
    });
  }

  isValid(path: string): boolean {
    return this.#guard("read", () => this.#idOf(path) !== undefined);
  }

  query(path: string): Registration | undefined {
    return this.#guard("read", () => {
      const row = this.#prepare(`select ${COLUMNS} from ValidPaths where path = ?`).get(path) as
        | Row
        | undefined;
      return row && this.#toRegistration(row, this.#referencesOf(row.id));
    });
  }

  /** The only valid path with this hash part, as narinfos are asked for. */
  findByHashPart(hashPart: string): StorePath | undefined {
    return this.#guard("read", () => {
      const prefix = `/nix/store/${hashPart}`;
      const row = this.#prepare("select path from ValidPaths where path >= ? order by path limit 1").get(
        prefix,
      ) as { path: string } | undefined;
      return row?.path.startsWith(prefix) ? asStorePath(row.path) : undefined;
    });
  }

  /** All that is reached from some valid paths over references, those included; sorted by path. */
  closure(paths: readonly string[]): Registration[] {
    return this.#guard("read", () =>
      this.#join(
        this.#prepare(
          `${REACHED} select ${COLUMNS}, ${REFERENCES} from ValidPaths where id in reached order by path`,
        ).all(JSON.stringify(paths)) as unknown as RowWithReferences[],
      ),
    );
  }

  /** Everything that is valid, sorted by path. */
  all(): Registration[] {
    return this.#guard("read", () =>
      this.#join(
        this.#prepare(
          `select ${COLUMNS}, ${REFERENCES} from ValidPaths order by path`,
        ).all() as unknown as RowWithReferences[],
      ),
    );
  }

  /** Valid paths that refer to one, itself included where it does; sorted. */
  referrers(path: string): StorePath[] {
    return this.#guard("read", () =>
      this.#paths(
        `select path from ValidPaths join Refs on referrer = ValidPaths.id
         where reference = (select id from ValidPaths where path = ?) order by path`,
        path,
      ),
    );
  }

  /** Valid derivations that have a path as an output; sorted. */
  derivers(path: string): StorePath[] {
    return this.#guard("read", () =>
      this.#paths(
        `select v.path as path from DerivationOutputs d join ValidPaths v on d.drv = v.id where d.path = ? order by v.path`,
        path,
      ),
    );
  }

  /**
   * Makes paths invalid, all or none.
   *
   * @throws {NixDatabaseError} `STORE_PATH_IN_USE` when others that stay refer to one.
   */
  delete(paths: readonly string[]): void {
    this.#transaction(() => {
      const list = JSON.stringify(paths);
      const user = this.#prepare(
        `select a.path as path, b.path as referrer from Refs
         join ValidPaths a on a.id = reference join ValidPaths b on b.id = referrer
         where a.path in (select value from json_each(?1)) and b.path not in (select value from json_each(?1))
         order by a.path, b.path limit 1`,
      ).get(list) as { path: string; referrer: string } | undefined;
      if (user !== undefined) {
        throw new NixDatabaseError(
          "STORE_PATH_IN_USE",
          `Cannot delete ${user.path}: ${user.referrer} refers to it`,
          { hint: "Delete what refers to it as well" },
        );
      }
      this.#prepare(
        "delete from Refs where referrer in (select id from ValidPaths where path in (select value from json_each(?)))",
      ).run(list);
      this.#prepare("delete from ValidPaths where path in (select value from json_each(?))").run(list);
    });
  }

  /** Makes the file as small as it can be, in one order of pages. */
  vacuum(): void {
    this.#guard("write", () => this.#database.exec("vacuum"));
  }

  [Symbol.dispose](): void {
    if (this.#database.isOpen) this.#database.close();
  }

  /** @param rows Sorted by path, with all that they refer to. */
  #join(rows: readonly RowWithReferences[]): Registration[] {
    const positions = new Map(rows.map((row, position) => [row.id, position]));
    return rows.map((row) => {
      const references = (row.refs ?? "")
        .split(",")
        .map((id) => positions.get(Number(id)))
        .filter((position) => position !== undefined)
        .sort((a, b) => a - b);
      return this.#toRegistration(
        row,
        references.map((position) => rows[position]!.path as StorePath),
      );
    });
  }

  #toRegistration(row: Row, references: readonly StorePath[]): Registration {
    const path = asStorePath(row.path);
    const narHash = /^sha256:([0-9a-f]{64})$/.exec(row.hash)?.[1];
    if (path === undefined || narHash === undefined) {
      throw new NixDatabaseError(
        "STORE_DATABASE_INVALID",
        `Cannot read ${this.#file}: its entry ${JSON.stringify(row.path)} with the hash ${JSON.stringify(row.hash)} is none of a store`,
      );
    }
    return {
      path,
      narHash,
      narSize: row.narSize ?? 0,
      references,
      deriver: row.deriver === null ? undefined : asStorePath(row.deriver),
      signatures: row.sigs === null ? [] : row.sigs.split(" ").filter((sig) => sig !== ""),
      ca: row.ca ?? undefined,
      ultimate: row.ultimate === 1,
      registrationTime: row.registrationTime,
    };
  }

  #referencesOf(id: number): StorePath[] {
    return this.#paths(
      "select path from Refs join ValidPaths on reference = id where referrer = ? order by path",
      id,
    );
  }

  #paths(sql: string, parameter: string | number): StorePath[] {
    return (this.#prepare(sql).all(parameter) as { path: string }[]).map(({ path }) => path as StorePath);
  }

  #idOf(path: string): number | undefined {
    return (this.#prepare("select id from ValidPaths where path = ?").get(path) as { id: number } | undefined)
      ?.id;
  }

  #missing(path: string, reference: string): NixDatabaseError {
    return new NixDatabaseError(
      "STORE_REFERENCE_MISSING",
      `Cannot register ${path}: it refers to ${reference}, which is not in the store`,
    );
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  /** Runs an action while no other process writes; what it writes itself is one transaction. */
  exclusively<T>(action: () => T): T {
    let result: T;
    this.#transaction(() => {
      result = action();
    });
    return result!;
  }

  #transaction(action: () => void): void {
    this.#guard("write", () => {
      if (this.#database.isTransaction) {
        action();
        return;
      }
      this.#database.exec("begin immediate");
      try {
        action();
        this.#database.exec("commit");
      } catch (error) {
        if (this.#database.isTransaction) this.#database.exec("rollback");
        throw error;
      }
    });
  }

  #guard<T>(doing: string, action: () => T): T {
    try {
      return action();
    } catch (error) {
      const {
        code,
        errstr = "",
        errcode = 0,
      } = error as { code?: string; errstr?: string; errcode?: number };
      if (code !== "ERR_SQLITE_ERROR") throw error;
      // SQLITE_ERROR (no such table), SQLITE_CORRUPT and SQLITE_NOTADB say that it is no such database.
      const invalid = [1, 11, 26].includes(errcode & 0xff);
      throw new NixDatabaseError(
        invalid ? "STORE_DATABASE_INVALID" : "STORE_DATABASE_UNUSABLE",
        `Cannot ${doing} the store's database ${this.#file}: ${(error as Error).message || errstr}`,
        {
          hint: invalid
            ? "It is damaged, or none of a Nix store"
            : "Another process may hold it, or the disk may be full or read-only",
          cause: error,
        },
      );
    }
  }
}

function toFileUrl(file: string): string {
  return `file:${file.replace(/[?#%]/g, (char) => `%${char.charCodeAt(0).toString(16)}`)}`;
}
