/** Reading untyped JSON: what a client sent is `unknown` until one of these has looked at it. */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

export function parseJson(text: string): { ok: true; value: Json } | { ok: false } {
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch {
    return { ok: false };
  }
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function textAt(object: JsonObject, key: string): string | null {
  const value = object[key];
  return typeof value === 'string' ? value : null;
}

export function numberAt(object: JsonObject, key: string): number | null {
  const value = object[key];
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

export function flagAt(object: JsonObject, key: string, fallback: boolean): boolean {
  const value = object[key];
  return typeof value === 'boolean' ? value : fallback;
}

export function listAt(object: JsonObject, key: string): Json[] | null {
  const value = object[key];
  return Array.isArray(value) ? value : null;
}

export function textsAt(object: JsonObject, key: string): string[] {
  return (listAt(object, key) ?? []).filter((item) => typeof item === 'string');
}
