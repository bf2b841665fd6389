//! Where links of control lead.

export type ControlTab = 'status' | 'plan' | 'plans';

export interface ControlLinks { why: (asset: string) => string; tab: (tab: ControlTab) => string }
