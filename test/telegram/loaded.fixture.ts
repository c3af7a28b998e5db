/** Loaded before a program of a test (`--import`): writes down every module that it loads, in ANIMUS_TEST_LOADED, one address a line. */
import { appendFileSync } from 'node:fs';
import { registerHooks } from 'node:module';

const file = process.env['ANIMUS_TEST_LOADED'] ?? '';

registerHooks({
  load(url, context, nextLoad) {
    appendFileSync(file, `${url}\n`);
    return nextLoad(url, context);
  },
});
