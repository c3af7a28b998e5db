/** How the API refuses (https://core.telegram.org/api/errors). */
export class RpcError extends Error {
  readonly code: number;

  /** `text` as the API writes it: PEER_ID_INVALID, FLOOD_WAIT_30, … */
  constructor(code: number, text: string) {
    super(text);
    this.code = code;
  }
}

export function badRequest(text: string): RpcError {
  return new RpcError(400, text);
}
