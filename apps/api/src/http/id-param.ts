import { type PipeTransform } from '@nestjs/common';
import { notFound } from './problem.js';

const idForm = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;

/** What cannot be an id is the id of nothing: the answer is that of any unknown one. @throws ProblemError */
export function idOf(given: unknown): string {
  if (typeof given !== 'string' || !idForm.test(given)) throw notFound();
  return given;
}

export const IdParam: PipeTransform<unknown, string> = { transform: idOf };
