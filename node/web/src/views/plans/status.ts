//! The status of a plan, as a colour beside its word.

import type { Tone } from '../../design';
import type { PlanSummary } from '../shapes';

export const STATUS_TONES: Record<PlanSummary['status'], Tone> = { optimal: 'good', feasible: 'good', infeasible: 'critical', undecided: 'warning' };
