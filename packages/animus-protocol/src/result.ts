/** An expected outcome that may be a failure: failures we foresee are values, a throw is our bug. */
export type Result<T, E> = { ok: true; value: T } | { ok: false; error: E };

export function ok<T>(value: T): { ok: true; value: T } {
  return { ok: true, value };
}

export function failed<E>(error: E): { ok: false; error: E } {
  return { ok: false, error };
}

/** Proves at compile time that every member of a union was handled. */
export function unreachable(value: never): never {
  throw new Error(`a case nobody handled: ${JSON.stringify(value)}`);
}
