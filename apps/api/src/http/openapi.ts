import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiResponse } from '@nestjs/swagger';
import { fieldCodes, problemCodes } from './problem-codes.js';
import { problemContentType } from './problem.js';

class FieldProblem {
  @ApiProperty({ description: 'Where it is, such as `env.PATH` or `check_cmd[2]`.' })
  field: string;

  @ApiProperty({ enum: Object.keys(fieldCodes) })
  code: string;

  @ApiProperty()
  message: string;
}

/** RFC 9457. */
export class ProblemDetails {
  @ApiProperty({ example: 'urn:fluxforge:problem:validation_failed' })
  type: string;

  @ApiProperty()
  title: string;

  @ApiProperty()
  status: number;

  @ApiProperty({ enum: problemCodes })
  code: string;

  @ApiProperty()
  detail: string;

  @ApiProperty({ type: [FieldProblem], required: false })
  errors?: FieldProblem[];

  @ApiProperty({ required: false, description: 'What to ask for when the outcome is unknown.' })
  command_id?: string;

  @ApiProperty({ required: false })
  id?: string;
}

export class AcceptedAnswer {
  @ApiProperty({ description: 'Ask for it at /v1/commands/{id}.' })
  command_id: string;

  @ApiProperty({ description: 'Of the resource.' })
  id: string;

  @ApiProperty({ description: 'Give it as min_position to see this write.' })
  token: string;
}

export const ApiAccepted = () =>
  ApiResponse({ status: 202, description: 'Accepted: it will not be lost.', type: AcceptedAnswer });

const answers: Readonly<Record<number, string>> = {
  400: 'Something sent is not valid.',
  401: 'No valid key.',
  403: 'The key may not do this.',
  404: 'Unknown, or not yours.',
  409: 'It cannot be done in this state.',
  412: 'It has changed in between.',
  413: 'Too large.',
  422: 'Refused.',
  429: 'A limit is reached.',
  503: 'Not now; surely nothing was written.',
  504: 'The outcome is not known.',
};

export const ApiProblems = () =>
  applyDecorators(
    ...Object.entries(answers).map(([status, description]) =>
      ApiResponse({
        status: Number(status),
        description,
        content: { [problemContentType]: { schema: { $ref: '#/components/schemas/ProblemDetails' } } },
      }),
    ),
  );
