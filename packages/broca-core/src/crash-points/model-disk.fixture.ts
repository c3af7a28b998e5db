/**
 * The disk under the database: full or not, with the reserve that a Broca keeps on it. SQLite itself says
 * when it is full, since it may use no more pages; giving the reserve up lets it have a few.
 */
import { isFull, type Store } from '../store/open.ts';
import type { Reserve, SettlingWrite } from '../store/reserve.ts';

/** What the real reserve is in pages of 4 KiB. */
const RESERVE_PAGES = 128;
const NO_BOUND = 1_000_000;

/** One for all processes of a world; each process attaches its connection. */
export class ModelDisk implements Pick<Reserve, 'isSpent' | 'refill'> {
  isSpent = false;
  #store: Store | null = null;
  /** Pages the database may have in all; null while there is room. */
  #most: number | null = null;

  attach(store: Store): void {
    this.#store = store;
    this.#apply();
  }

  fill(): void {
    this.#most ??= Number(this.#store?.pragma('page_count', { simple: true }));
    this.#apply();
  }

  makeRoom(): void {
    this.#most = null;
    this.#apply();
  }

  refill(): boolean {
    if (this.isSpent && this.#most === null) this.isSpent = false;
    return !this.isSpent;
  }

  readonly settling: SettlingWrite = (write) => {
    try {
      return write();
    } catch (error) {
      if (!isFull(error) || this.isSpent || this.#most === null) throw error;
      this.isSpent = true;
      this.#most += RESERVE_PAGES;
      this.#apply();
      return write();
    }
  };

  #apply(): void {
    this.#store?.pragma(`max_page_count = ${this.#most ?? NO_BOUND}`);
  }
}
