export { holdsLogin } from './client.ts';
