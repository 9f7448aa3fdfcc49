import { Field, time } from '../fields/index.js';

export class DrainBody {
  @Field(time, {
    description:
      'From then on what still runs there is stopped and goes on elsewhere, at no cost of an attempt. Without it all runs finish.',
    schema: { format: 'date-time' },
  })
  deadline?: string;
}
