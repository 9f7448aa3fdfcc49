import { type PipeTransform } from '@nestjs/common';
import { ProblemError } from '../http/index.js';
import { type Check } from './flaw.js';
import { validated, type Shape } from './validate.js';

/** `@Body(new BodyOf(StateBody)) body: StateBody` */
export class BodyOf<T extends object> implements PipeTransform<unknown, T> {
  constructor(
    private readonly shape: Shape<T>,
    private readonly options: { readonly partial?: boolean } = {},
  ) {}

  transform(given: unknown): T {
    return validated(this.shape, given, { code: 'validation_failed', ...this.options });
  }
}

/** A body that may be left out: nothing sent is an empty object. */
export class OptionalBodyOf<T extends object> extends BodyOf<T> {
  override transform(given: unknown): T {
    return super.transform(given ?? {});
  }
}

export class QueryOf<T extends object> implements PipeTransform<unknown, T> {
  constructor(private readonly shape: Shape<T>) {}

  transform(given: unknown): T {
    return validated(this.shape, given ?? {}, { code: 'invalid_parameter' });
  }
}

/** One parameter of the path or one header. */
export class Parameter implements PipeTransform<unknown, string> {
  constructor(
    private readonly name: string,
    private readonly check: Check,
  ) {}

  transform(given: unknown): string {
    const flaws = this.check(given);
    if (flaws.length === 0) return String(given);
    const errors = flaws.map(({ path, code, message }) => ({ field: `${this.name}${path}`, code, message }));
    throw new ProblemError('invalid_parameter', `${this.name}: ${errors[0]?.message}`, { errors });
  }
}
