// Writes down, while inference runs, every reference by which a file could have been reached: the graph in which it is
// computed what a cut takes away. A token of a package is a node between the files that name it and those it means.

import type { TreeEntry } from "../model/tree.ts";
import { ReferenceGraph } from "./graph.ts";
import type { TokenIndex } from "./token-index.ts";

/** The image itself, from which everything begins, whatever number its node has. */
export const IMAGE = -1;

export class GraphRecorder {
  readonly #index: TokenIndex;
  readonly #packages: number[] = [];
  readonly #sizes: number[] = [];
  readonly #from: number[] = [];
  readonly #to: number[] = [];
  /** The beginning of everything; {@link IMAGE} stands for it. */
  readonly image: number;
  /** Kinds and tokens of the nodes of tokens. */
  readonly #tokens = new Map<number, string>();

  constructor(index: TokenIndex) {
    this.#index = index;
    // A file is two nodes: named, when all of its tokens count, and present, when what it cannot do without does.
    for (let twice = 0; twice < 2; twice++) {
      for (let file = 0; file < index.size; file++) this.#addNode(index.unitOf(file));
    }
    for (const { number } of index.units) this.#addNode(number);
    this.image = this.#addNode(-1);
  }

  #addNode(unit: number, size = 0): number {
    this.#sizes.push(size);
    return this.#packages.push(unit) - 1;
  }

  /** A file that is reached by its name. */
  named(file: number): number {
    return file;
  }

  /** A file that is in the image, by its own name or with its package. */
  present(file: number): number {
    return this.#index.size + file;
  }

  /** A package of which a file was reached. */
  unit(number: number): number {
    return 2 * this.#index.size + number;
  }

  /** A new node for a token that files of a package name. */
  addToken(unit: number, kind: string, token: string): number {
    const node = this.#addNode(unit);
    this.#tokens.set(node, tokenKey(kind, token));
    return node;
  }

  addEdge(from: number, to: number): void {
    this.#from.push(from === IMAGE ? this.image : from);
    this.#to.push(to);
  }

  /** Whether an edge leads to a file from the image or from a package as a whole. */
  isRequest(from: number, to: number, file: number): boolean {
    return (
      from >= this.unit(0) && from <= this.image && (to === this.named(file) || to === this.present(file))
    );
  }

  /** Whether an edge is a file's mention of a token. */
  isMention(from: number, to: number, file: number, kind: string, token: string): boolean {
    return (
      (from === this.named(file) || from === this.present(file)) &&
      this.#tokens.get(to) === tokenKey(kind, token)
    );
  }

  /**
   * Ends the recording.
   *
   * @param kept For each file 1 when it is in the image.
   * @param staysWithUnit Whether a file stays though nobody names it, when another of its package does.
   */
  finish(kept: Uint8Array, staysWithUnit: (file: number) => boolean): ReferenceGraph {
    const inodes = new Map<string, number>();
    for (let file = 0; file < kept.length; file++) {
      this.addEdge(this.named(file), this.unit(this.#index.unitOf(file)));
      this.addEdge(this.named(file), this.present(file));
      if (kept[file] === 0) continue;
      if (staysWithUnit(file)) this.addEdge(this.unit(this.#index.unitOf(file)), this.present(file));
      this.#addSize(file, this.#index.entryOf(file), inodes);
    }
    return new ReferenceGraph({
      objects: this.#index.units.map(({ object }) => object.id),
      packages: this.#packages,
      sizes: this.#sizes,
      from: this.#from,
      to: this.#to,
      start: this.image,
    });
  }

  /** The bytes of hard links are there as long as one of the names is. */
  #addSize(file: number, entry: TreeEntry, inodes: Map<string, number>): void {
    if (entry.type !== "file") return;
    if (entry.inode === undefined) {
      this.#sizes[this.present(file)] = entry.size;
      return;
    }
    let node = inodes.get(entry.inode);
    if (node === undefined) {
      node = this.#addNode(this.#index.unitOf(file), entry.size);
      inodes.set(entry.inode, node);
    }
    this.addEdge(this.present(file), node);
  }
}

function tokenKey(kind: string, token: string): string {
  return `${kind} ${token}`;
}
