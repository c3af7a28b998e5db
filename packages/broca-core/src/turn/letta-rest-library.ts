/** Of Letta's library what is used, loaded when it is needed: a file of its own, so that the bundle keeps it apart. */
export { APIPromise, Letta, PagePromise } from '@letta-ai/letta-client';
