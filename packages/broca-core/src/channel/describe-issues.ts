/** What is wrong with something that others made, in words for its maker. */
import * as v from 'valibot';

/** `whole`: what to call the thing itself, where no member of it is to blame. */
export function describeIssues(issues: readonly v.BaseIssue<unknown>[], whole: string): string {
  return issues
    .map((issue) => `${v.getDotPath(issue) ?? whole} ${issue.received === 'undefined' ? 'is missing' : issue.message}`)
    .join('; ');
}
