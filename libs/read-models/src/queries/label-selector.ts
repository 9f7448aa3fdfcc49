import { type Selector } from '@fluxforge/events/catalogue';
import { type ObjectLiteral, type SelectQueryBuilder } from 'typeorm';

/** Keeps the rows whose labels hold for every term; the meaning is that of the domain's selectors. */
export function whereLabels<E extends ObjectLiteral>(
  query: SelectQueryBuilder<E>,
  selector: Selector = [],
): void {
  selector.forEach(({ key, op, values }, i) => {
    const label = `t.labels ->> :labelKey${i}`;
    const parameters = { [`labelKey${i}`]: key, [`labelValues${i}`]: values };
    switch (op) {
      case 'in':
        return query.andWhere(`${label} = ANY(:labelValues${i})`, parameters);
      case 'not-in':
        return query.andWhere(`(${label} IS NULL OR NOT ${label} = ANY(:labelValues${i}))`, parameters);
      case 'exists':
        return query.andWhere(`${label} IS NOT NULL`, parameters);
      case 'not-exists':
        return query.andWhere(`${label} IS NULL`, parameters);
    }
  });
}
