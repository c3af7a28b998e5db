/** How a Broca ends: `drain` asks its loops to take nothing new, `stop` to leave what is in hand as it is. */
export type Ending = { drain: AbortSignal; stop: AbortSignal };
