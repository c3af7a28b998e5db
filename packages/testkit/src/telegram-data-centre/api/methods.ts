/** Every method of the API that the data centre serves. */
import { bindingMethods } from './binding-methods.ts';
import type { Handler, Handlers } from './caller.ts';
import { fileMethods } from './file-methods.ts';
import { historyMethods } from './history-methods.ts';
import { loginMethods } from './login-methods.ts';
import { peopleMethods } from './people-methods.ts';
import { sendMethods } from './send-methods.ts';
import { updateMethods } from './update-methods.ts';

const ALL: Handlers = {
  ...bindingMethods,
  ...loginMethods,
  ...peopleMethods,
  ...updateMethods,
  ...sendMethods,
  ...historyMethods,
  ...fileMethods,
};

/** By the library's name of the request. */
export function findHandler(className: string): Handler | undefined {
  return Object.hasOwn(ALL, className) ? ALL[className] : undefined;
}
