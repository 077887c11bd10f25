// What leaves an image when a reference, or a package, goes: reachability in the graph of references. Nodes and edges
// with the packages and bytes that they stand for in, losses out. Pure.

/** What would no longer be in the image. */
export interface Loss {
  /** Ids of the packages of which nothing would be left, in the order of their numbers. */
  readonly objects: readonly string[];
  /** Bytes of all files that would go. */
  readonly size: number;
}

/** What a package alone brings into the image. */
export interface Dominance {
  /** Bytes of all nodes that are reached through it only: what would leave without it. */
  readonly addedSize: number;
  /** Id of the closest package without which nothing of this one would be there; undefined where no other brings it alone. */
  readonly dominator: string | undefined;
}

/** A graph in the making; see {@link ReferenceGraph}. */
export interface GraphShape {
  /** Ids of the packages, by number. */
  readonly objects: readonly string[];
  /** By node: the number of the package that the node goes with; -1 for none. */
  readonly packages: readonly number[];
  /** By node: bytes that are in the image as long as the node is reached. */
  readonly sizes: readonly number[];
  /** By edge: its nodes. */
  readonly from: readonly number[];
  readonly to: readonly number[];
  /** The node from which everything is reached. */
  readonly start: number;
}

export class ReferenceGraph {
  readonly #shape: GraphShape;
  /** For each node the place of its first edge in `#targets`; one more at the end. */
  readonly #first: Uint32Array;
  readonly #targets: Uint32Array;
  #whole: Uint8Array | undefined;

  constructor(shape: GraphShape) {
    this.#shape = shape;
    const { from, to, packages } = shape;
    this.#first = new Uint32Array(packages.length + 1);
    for (const node of from) this.#first[node + 1]!++;
    for (let node = 0; node < packages.length; node++) this.#first[node + 1]! += this.#first[node]!;
    const next = this.#first.slice();
    this.#targets = new Uint32Array(to.length);
    for (let edge = 0; edge < to.length; edge++) this.#targets[next[from[edge]!]!++] = to[edge]!;
  }

  /** What goes when edges are cut. */
  cutEdges(isCut: (from: number, to: number) => boolean): Loss {
    this.#whole ??= this.#reach(() => false);
    return this.#lossBetween(this.#whole, this.#reach(isCut));
  }

  /** What goes when no file of one package refers to another package any more. */
  cutPackages(from: string, to: string): Loss {
    const { objects, packages } = this.#shape;
    const [a, b] = [objects.indexOf(from), objects.indexOf(to)];
    return this.cutEdges((x, y) => packages[x] === a && packages[y] === b);
  }

  #reach(isCut: (from: number, to: number) => boolean): Uint8Array {
    const reached = new Uint8Array(this.#shape.packages.length);
    const stack = [this.#shape.start];
    reached[this.#shape.start] = 1;
    for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
      for (let edge = this.#first[node]!; edge < this.#first[node + 1]!; edge++) {
        const target = this.#targets[edge]!;
        if (reached[target] === 1 || isCut(node, target)) continue;
        reached[target] = 1;
        stack.push(target);
      }
    }
    return reached;
  }

  #lossBetween(before: Uint8Array, after: Uint8Array): Loss {
    const { objects, packages, sizes } = this.#shape;
    const [had, has] = [new Set<number>(), new Set<number>()];
    let size = 0;
    for (const [node, owner] of packages.entries()) {
      if (before[node] === 0) continue;
      had.add(owner);
      if (after[node] === 1) has.add(owner);
      else size += sizes[node]!;
    }
    const gone = [...had].filter((owner) => owner >= 0 && !has.has(owner)).sort((a, b) => a - b);
    return { objects: gone.map((owner) => objects[owner]!), size };
  }

  /**
   * For each package what it alone brings.
   *
   * A node is dominated by a package when every path to it has a node of that package. As in the iterative algorithm
   * for dominators, what dominates a node is what dominates all of its predecessors, and its own package; 32 packages
   * are computed at a time, one bit each.
   */
  computeDominance(): Map<string, Dominance> {
    const { objects, packages, sizes } = this.#shape;
    const order = this.#reversePostorder();
    const added = new Float64Array(objects.length);
    /** By package: those that dominate all of it. */
    const dominators: number[][] = objects.map(() => []);
    const ofNodes = new Int32Array(packages.length);
    const ofPackages = new Int32Array(objects.length);
    const present = new Set(order.map((node) => packages[node]!).filter((owner) => owner >= 0));
    for (let first = 0; first < objects.length; first += 32) {
      this.#dominate(first, order, ofNodes);
      ofPackages.fill(-1);
      for (const node of order) {
        const owner = packages[node]!;
        if (owner >= 0) ofPackages[owner]! &= ofNodes[node]! & ~bitOf(owner, first);
        if (sizes[node] === 0) continue;
        for (const number of bitsFrom(first, ofNodes[node]! | bitOf(owner, first))) {
          added[number]! += sizes[node]!;
        }
      }
      for (const owner of present) dominators[owner]!.push(...bitsFrom(first, ofPackages[owner]!));
    }
    return new Map(
      objects.map((id, number) => {
        // All that dominates a package's dominator dominates the package: the closest has the most of its own.
        const closest = dominators[number]!.reduce<number | undefined>(
          (best, other) =>
            best === undefined || dominators[other]!.length > dominators[best]!.length ? other : best,
          undefined,
        );
        const dominator = closest === undefined ? undefined : objects[closest]!;
        return [id, { addedSize: added[number]!, dominator }];
      }),
    );
  }

  /** Sets for each node which of 32 packages dominate it, those of its own package left out. */
  #dominate(first: number, order: readonly number[], dominators: Int32Array): void {
    const { packages, start } = this.#shape;
    dominators.fill(-1);
    dominators[start] = 0;
    for (let changed = true; changed; ) {
      changed = false;
      for (const node of order) {
        const out = dominators[node]! | bitOf(packages[node]!, first);
        for (let edge = this.#first[node]!; edge < this.#first[node + 1]!; edge++) {
          const target = this.#targets[edge]!;
          const bits = dominators[target]! & out;
          if (bits === dominators[target]) continue;
          dominators[target] = bits;
          changed = true;
        }
      }
    }
  }

  /** The nodes that are reached, each before those behind it where there is no cycle. */
  #reversePostorder(): number[] {
    const { start, packages } = this.#shape;
    const order: number[] = [];
    const seen = new Uint8Array(packages.length);
    const next = this.#first.slice();
    const stack = [start];
    seen[start] = 1;
    for (let node = stack.at(-1); node !== undefined; node = stack.at(-1)) {
      const edge = next[node]!++;
      if (edge >= this.#first[node + 1]!) {
        order.push(node);
        stack.pop();
        continue;
      }
      const target = this.#targets[edge]!;
      if (seen[target] === 1) continue;
      seen[target] = 1;
      stack.push(target);
    }
    return order.reverse();
  }
}

/** The numbers of packages that bits stand for. */
function* bitsFrom(first: number, bits: number): Generator<number> {
  for (let rest = bits; rest !== 0; rest &= rest - 1) yield first + 31 - Math.clz32(rest & -rest);
}

/** The bit of a package among the 32 from `first` on; none for others. */
function bitOf(number: number, first: number): number {
  return number >= first && number < first + 32 ? 1 << (number - first) : 0;
}
