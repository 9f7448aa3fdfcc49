// A small client of the REST API, with a deadline on every call.
const CALL_DEADLINE_MS = 10_000;

export class HttpProblem extends Error {
  constructor(method, route, status, body) {
    super(`${method} ${route} answered ${status}: ${body.slice(0, 500)}`);
    this.status = status;
  }
}

export class RestClient {
  constructor(base, apiKey) {
    this.base = base;
    this.apiKey = apiKey;
  }

  async call(method, route, body, signal) {
    const headers = { authorization: `Bearer ${this.apiKey}` };
    if (body !== undefined) headers['content-type'] = 'application/json';
    const timeout = AbortSignal.timeout(CALL_DEADLINE_MS);
    const response = await fetch(`${this.base}${route}`, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    });
    const text = await response.text();
    if (!response.ok) throw new HttpProblem(method, route, response.status, text);
    return text === '' ? undefined : JSON.parse(text);
  }

  get(route, signal) {
    return this.call('GET', route, undefined, signal);
  }

  post(route, body, signal) {
    return this.call('POST', route, body, signal);
  }
}
