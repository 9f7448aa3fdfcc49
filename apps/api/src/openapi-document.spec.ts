import { type OpenAPIObject } from '@nestjs/swagger';
import { startInMemory, type InMemoryApi } from './testing/api-in-memory.js';
import { openApiDocument } from './openapi-document.js';

const methods = ['get', 'post', 'put', 'patch', 'delete'] as const;

describe('the OpenAPI document', () => {
  let api: InMemoryApi;
  let document: OpenAPIObject;

  beforeAll(async () => {
    api = await startInMemory();
    document = openApiDocument(api.app);
  });
  afterAll(() => api.close());

  const operations = () =>
    Object.entries(document.paths).flatMap(([path, item]) =>
      methods.flatMap((method) =>
        item[method] ? [{ name: `${method} ${path}`, operation: item[method] }] : [],
      ),
    );

  it('has every route that is served, and each says what it is for', () => {
    expect(
      operations()
        .map(({ name }) => name)
        .sort(),
    ).toMatchInlineSnapshot(`
     [
       "delete /v1/agents/{id}",
       "delete /v1/schedules/{id}",
       "delete /v1/states/{id}",
       "get /v1/agents",
       "get /v1/agents/{id}",
       "get /v1/agents/{id}/events",
       "get /v1/breakers",
       "get /v1/cluster/mode",
       "get /v1/commands/{id}",
       "get /v1/dispatchers",
       "get /v1/fanouts",
       "get /v1/fanouts/{id}",
       "get /v1/fanouts/{id}/members",
       "get /v1/queue",
       "get /v1/schedules",
       "get /v1/schedules/{id}",
       "get /v1/states",
       "get /v1/states/{id}",
       "get /v1/states/{id}/events",
       "get /v1/states/{id}/targets",
       "get /v1/states/{id}/targets/{agent}/explain",
       "get /v1/tasks",
       "get /v1/tasks/{id}",
       "get /v1/tasks/{id}/attempts",
       "get /v1/tasks/{id}/events",
       "get /v1/tasks/{id}/explain",
       "get /v1/tasks/{id}/output",
       "get /v1/tenant",
       "get /v1/tenant/mode",
       "patch /v1/states/{id}",
       "patch /v1/tenant/limits",
       "patch /v1/tenants/{id}/limits",
       "post /states",
       "post /tasks",
       "post /v1/agents/enrol",
       "post /v1/agents/{id}/drain",
       "post /v1/agents/{id}/reset-breaker",
       "post /v1/agents/{id}/undrain",
       "post /v1/failure-domains/{name}/reset-breaker",
       "post /v1/fanouts",
       "post /v1/fanouts/{id}/cancel",
       "post /v1/fanouts/{id}/retry",
       "post /v1/join-tokens",
       "post /v1/schedules",
       "post /v1/schedules/{id}/resume",
       "post /v1/schedules/{id}/suspend",
       "post /v1/simulations",
       "post /v1/states",
       "post /v1/states/{id}/resume",
       "post /v1/states/{id}/suspend",
       "post /v1/tasks",
       "post /v1/tasks/{id}/cancel",
       "post /v1/tenant/release-brake",
       "put /v1/cluster/mode",
       "put /v1/schedules/{id}",
       "put /v1/states/{id}",
       "put /v1/tenant/mode",
     ]
    `);
    for (const { name, operation } of operations())
      expect([name, operation.summary]).not.toEqual([name, undefined]);
  });

  it('says of every route how problems look', () => {
    for (const { name, operation } of operations()) {
      const content = JSON.stringify(operation.responses['400'] ?? null);
      expect([name, content]).toEqual([name, expect.stringContaining('application/problem+json')]);
      expect(content).toContain('#/components/schemas/ProblemDetails');
    }
  });

  it('shows every field of the bodies, with its description', () => {
    const { schemas = {} } = document.components ?? {};
    for (const body of [
      'StateBody',
      'TaskBody',
      'CancelBody',
      'EnrolBody',
      'JoinTokenBody',
      'ProblemDetails',
    ]) {
      const { properties = {} } = schemas[body] as { properties?: Record<string, { description?: string }> };
      expect(Object.keys(properties).length).toBeGreaterThan(0);
    }
    const state = schemas['StateBody'] as {
      required: string[];
      properties: Record<string, { description?: string }>;
    };
    expect(state.required.sort()).toEqual(['check_cmd', 'name', 'selector']);
    for (const [field, shown] of Object.entries(state.properties)) {
      expect([field, typeof shown.description]).toEqual([field, 'string']);
    }
  });
});
