//! What the view of alarms is divided into; severities as colours beside their words.

import type { Tone } from '../../design';
import type { Severity } from '../shapes';

export type AlarmTab = 'open' | 'history' | 'rules' | 'notifiers';

export const SEVERITY_TONES: Record<Severity, Tone> = { critical: 'critical', warning: 'warning', info: 'info' };

export const SEVERITIES = [{ value: 'info', text: 'info' }, { value: 'warning', text: 'warning' }, { value: 'critical', text: 'critical' }] as const;
