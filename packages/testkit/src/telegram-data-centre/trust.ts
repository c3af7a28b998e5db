/** Loaded before a program of a test (`--import`): it accepts the loopback data centre's key, which an exchange of keys needs. */
import { helpers } from 'telegram';
import { _serverKeys } from 'telegram/crypto/RSA.js';

const {
  fingerprint = '',
  modulus = '',
  exponent = 0,
} = JSON.parse(process.env['ANIMUS_TEST_TELEGRAM_KEY'] ?? '{}') as {
  fingerprint?: string;
  modulus?: string;
  exponent?: number;
};
_serverKeys.set(fingerprint, { n: helpers.returnBigInt(modulus), e: exponent });
