// What the API answers when something is wrong (RFC 9457), as an error.

export class ProblemError extends Error {
  /** The HTTP status; 0 where the server was not reached. */
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  /** The stable name of what went wrong, such as `NOT_FOUND`. */
  readonly code: string;
  /** The field of the request that is wrong, where it is one. */
  readonly field: string | null;

  constructor(problem: { status: number; title: string; detail?: string | null; code?: string; field?: string | null }) {
    super(problem.detail ?? problem.title);
    this.name = 'ProblemError';
    this.status = problem.status;
    this.title = problem.title;
    this.detail = problem.detail ?? '';
    this.code = problem.code ?? '';
    this.field = problem.field ?? null;
  }
}

/** What is wrong with one field of a form, for `<Field wrong=...>`. */
export function wrongOf(problem: ProblemError | null, field: string): string | null {
  return problem?.field === field ? problem.detail || problem.title : null;
}

/** Whatever was thrown, as a problem that can be shown. */
export function asProblem(error: unknown): ProblemError {
  if (error instanceof ProblemError) return error;
  if (error instanceof TypeError && /fetch|network|load/i.test(error.message)) {
    return new ProblemError({ status: 0, title: 'The server cannot be reached', detail: 'It will be tried again as soon as it answers.' });
  }
  return new ProblemError({ status: 0, title: 'Something on this page went wrong', detail: error instanceof Error ? error.message : String(error) });
}

/** Reads a problem out of an answer's body; what is no problem (a proxy's page, say) is told by its status. */
export function problemOf(status: number, body: unknown): ProblemError {
  if (typeof body === 'object' && body !== null && 'title' in body) {
    return new ProblemError({ status, ...(body as { title: string }) });
  }
  return new ProblemError({ status, title: `The server answered ${String(status)}` });
}

/** Whether it was the page itself that gave up waiting. */
export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}
