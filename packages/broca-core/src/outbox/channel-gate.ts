/** Shut for a while after a channel failed a delivery as `down`, unless it says `up` before. */

const RECHECK_MS = 30_000;

export class ChannelGate {
  #opensAt = 0;

  opensAt(): number {
    return this.#opensAt;
  }

  open(): void {
    this.#opensAt = 0;
  }

  shut(now: number): void {
    this.#opensAt = now + RECHECK_MS;
  }
}
