#!/usr/bin/env node
import { main } from '../cli/program.mjs';

process.exitCode = await main(process.argv);
