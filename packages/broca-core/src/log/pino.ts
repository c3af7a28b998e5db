/** pino, loaded when it is needed: a file of its own, so that the bundle keeps it apart. */
export { pino } from 'pino';
