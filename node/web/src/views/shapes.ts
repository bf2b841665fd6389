//! The answers of the API that these views show.

/** A page of a list. */
export interface Page<T> { items: T[]; next?: string | null }

export type Severity = 'info' | 'warning' | 'critical';
export type Health = 'ok' | 'stale' | 'offline' | 'never';

export interface Proof { id: string; kind: string; since_us: number; until_us?: number | null; ends_us?: number | null; last_used_us?: number | null }
export interface Rate { points_per_s?: number | null; burst?: number | null }

export interface Device {
  device: string;
  name: string;
  connected: boolean;
  health: Health;
  last_seen_us?: number | null;
  channels: number;
  points: number;
  rate?: Rate | null;
  enrolled: boolean;
  proofs: Proof[];
}

/** What an enrolment shows once. */
export interface Enrolled {
  device: Device;
  /** The file that the device reads. */
  bundle: string;
}

export interface Rules {
  fallback?: number | null;
  hold_us?: number | null;
  min_on_us?: number | null;
  min_off_us?: number | null;
  ramp_per_s?: number | null;
}

export interface Channel {
  series: string;
  device: string;
  channel: string;
  labels?: Record<string, string>;
  quantity: string;
  unit: string;
  kind: string;
  writable: boolean;
  range?: { low: number; high: number } | null;
  cadence_us?: number | null;
  max_age_us?: number | null;
  rules?: Rules | null;
  latest?: { time_us: number; value: number } | null;
  stale: boolean;
}

export type CommandState = 'queued' | 'sent' | 'accepted' | 'done' | 'refused' | 'expired' | 'unknown';

export interface Command {
  id: string;
  series: string;
  device: string;
  value: number;
  /** Null where the channel is not known any more. */
  unit?: string | null;
  lease_us?: number | null;
  fallback?: number | null;
  safety: boolean;
  by: string;
  issued_us: number;
  expires_us: number;
  state: CommandState;
  ended: boolean;
  ended_us?: number | null;
  read_back?: number | null;
  code?: string | null;
  reason?: string | null;
  /** Whether it is the last that was done on its channel. */
  stands: boolean;
  /** When its lease ends at the latest; null unless it stands and has one. */
  lease_ends_us?: number | null;
  steered?: { ordered: number; lease_us?: number | null; note?: string | null } | null;
}

export interface Wish { actor: string; priority: number; power_w: number; reason: string }

export interface AssetStatus {
  asset: string;
  role: string;
  measured_w?: number | null;
  age_us?: number | null;
  fresh: boolean;
  soc?: number | null;
  decided_w?: number | null;
  wish?: Wish | null;
  limited_by?: string[];
  order?: { state: CommandState; read_back?: number | null; code?: string; reason?: string } | null;
  held_until_us?: number | null;
}

export type Target = { asset: string } | { role: string } | { group: string };

export interface ProposalOutcome {
  id?: number | null;
  actor: string;
  target: Target;
  outcome: 'granted' | 'limited' | 'overridden' | 'expired' | 'refused';
  by?: string;
  to_w?: number;
  reason?: string;
}

export interface ActorStatus { name: string; busy: boolean; asked: number; answered: number; overran: number; refused: number; fault?: string | null }

export interface ControlStatus {
  time_us: number;
  site: string;
  zone: string;
  enabled: boolean;
  paused?: { since_us: number; by: string } | null;
  tick_us: number;
  lease_us: number;
  assets: AssetStatus[];
  proposals: ProposalOutcome[];
  plan?: { made_us: number; valid_until_us: number } | null;
  actors: ActorStatus[];
  faults: string[];
  log?: { written: number; dropped: number; failing?: string | null };
}

export interface Decided {
  time_us: number;
  asset: string;
  role: string;
  target: string;
  power_w: number;
  wish?: Wish | null;
  low_w?: number | null;
  high_w?: number | null;
  limits?: { by: string; from_w: number; to_w: number }[];
  inputs?: { series: string; what: string; value: number; age_us: number }[];
  command?: string | null;
  value?: number | null;
  answer?: { state: CommandState; read_back?: number | null; reason?: string } | null;
  faults?: string[];
  again?: boolean;
}

export interface Explanation {
  asked: string;
  at_us: number;
  sentence: string;
  decided?: Decided | null;
  answered?: { time_us: number; value: number; state: CommandState; read_back?: number | null; code?: string; reason?: string } | null;
  text: string[];
}

export interface BalanceRow {
  from_us: number;
  to_us: number;
  import_wh: number | null;
  export_wh: number | null;
  produced_wh: number | null;
  charged_wh: number | null;
  discharged_wh: number | null;
  consumed_wh: number | null;
  unexplained_wh: number | null;
  coverage: number;
  self_consumption: number | null;
  self_sufficiency: number | null;
  cost: number | null;
  revenue: number | null;
}

export interface Balance {
  zone: string;
  from_us: number;
  to_us: number;
  currency: string | null;
  rows: BalanceRow[];
  total: BalanceRow;
  parts: { series: string; role: string }[];
}

export interface Acknowledged { by: string; at_us: number; note?: string | null }

export interface Alarm {
  id: string;
  rule: string;
  rule_name: string;
  kind: string;
  severity: Severity;
  site?: string | null;
  subject: string;
  state: 'raised' | 'acknowledged' | 'cleared';
  value?: number | null;
  limit?: number | null;
  unit?: string | null;
  message: string;
  raised_us: number;
  last_raised_us: number;
  count: number;
  cleared_us?: number | null;
  acknowledged?: Acknowledged | null;
}

export type Watch =
  | { kind: 'threshold'; series: string; above?: number | null; below?: number | null; unit?: string | null; clear_margin?: number | null; for?: string | null }
  | { kind: 'rate'; series: string; rises_per_minute?: number | null; falls_per_minute?: number | null; unit?: string | null; for?: string | null }
  | { kind: 'stale'; series: string; after: string }
  | { kind: 'offline'; devices: string; after: string }
  | { kind: 'balance'; site: string; above_w: number; for: string }
  | { kind: 'store_read_only' }
  | { kind: 'control_stalled' };

export interface Quiet { from: string; to: string; zone: string; lets_through?: Severity | null }

export interface RuleDraft {
  name: string;
  severity: Severity;
  enabled: boolean;
  watch: Watch;
  notify: string[];
  quiet?: Quiet | null;
  remind?: string | null;
}

export interface AlarmRule extends RuleDraft { id: string; built_in: boolean }

/** A rule as it is answered: what is usual may be left out. */
export type AnsweredRule = Omit<AlarmRule, 'enabled' | 'notify'> & { enabled?: boolean; notify?: string[] };

export interface Notifier {
  id: string;
  name: string;
  kind: 'email' | 'webhook';
  to?: string[];
  url?: string;
  signed?: boolean;
  enabled: boolean;
  waiting?: number;
  last_sent_us?: number | null;
  last_problem?: string | null;
}

export interface Finding {
  kind: string;
  severity: string;
  series: string[];
  count: number;
  confidence: number;
  message: string;
  rows: { first: number; last: number }[];
  from_us: number | null;
  to_us: number | null;
  declare: string[];
  repair: string | null;
  picture_svg: string | null;
}

export interface Findings { from_us: number; to_us: number; examined: number; findings: Finding[] }

export interface ImportReport {
  rows: number;
  points: number;
  repeated?: number;
  replaced?: number;
  gaps?: number;
  invalid?: number;
  out_of_range?: number;
  first_us?: number | null;
  last_us?: number | null;
  series?: { series: string; unit: string; new: boolean; points: number }[];
  refused?: { count: number; whole?: number; cells?: number; first?: { row: number; line?: number | null; reason: string; text: string }[] };
  understood?: {
    format?: string;
    notes?: string[];
    time?: { columns?: string[]; form?: string; zone?: string | null } | null;
    columns?: { column: string; series?: string | null; unit?: string | null; quantity?: string | null; skipped?: string | null }[];
  };
}

export interface Import {
  id: string;
  name: string;
  state: 'receiving' | 'queued' | 'running' | 'done' | 'failed' | 'cancelled';
  bytes: number;
  total_bytes: number | null;
  part: number | null;
  rows: number;
  points: number;
  report: ImportReport | null;
  problem: string | null;
  by: string;
  begun_us: number;
  ended_us: number | null;
  dry_run: boolean;
}

export type Role = 'viewer' | 'operator' | 'engineer' | 'admin';
export type Scope = 'read' | 'command' | 'configure' | 'admin';

export interface User {
  user: string;
  display_name: string;
  roles: Record<string, Role>;
  disabled: boolean;
  oidc: boolean;
  password: boolean;
  created_us: number;
  last_seen_us?: number | null;
}

export interface Member { user: string; display_name: string; role: Role; everywhere: boolean }

export interface Token {
  id: string;
  name: string;
  scopes: Scope[];
  operators?: string[] | null;
  created_us: number;
  expires_us?: number | null;
  last_used_us?: number | null;
}

export interface SessionEntry {
  id: string;
  begun_us: number;
  last_seen_us?: number | null;
  expires_us: number;
  address?: string | null;
  agent?: string | null;
  current: boolean;
}

/** A line of the audit trail. */
export interface AuditEntry { number: number; time_us: number; kind: string; by?: string | null; device?: string | null; details: Record<string, unknown> }

export interface PlannedAsset {
  asset: string;
  role: string;
  power_w: number[];
  soc?: number[] | null;
  actual_w: (number | null)[];
  actual_soc?: (number | null)[] | null;
}

export interface CurrentPlan {
  made_us: number;
  valid_until_us: number;
  now_us: number;
  reason: string;
  notices: string[];
  borders_us: number[];
  currency: string;
  assets: PlannedAsset[];
  price?: { import_per_kwh: number[]; export_per_kwh: number[] } | null;
  deviations: { asset: string; power_w?: number | null; soc?: number | null; since_us: number; span_us: number }[];
}

export interface PlanSummary {
  id?: string | null;
  name: string;
  created_us: number;
  by: string;
  status: 'optimal' | 'feasible' | 'infeasible' | 'undecided';
  cost?: number | null;
  bound?: number | null;
  gap?: number | null;
  currency: string;
  from_us: number;
  to_us: number;
  steps: number;
  engine?: string | null;
  solve_us: number;
}

export interface Plan extends PlanSummary {
  borders_us: number[];
  assets: { asset: string; kind: string; power_w: number[]; soc?: number[] | null; taken_wh: number; given_wh: number }[];
  costs: { part: string; cause: string; amount: number }[];
  prices: { bus: string; per_kwh: number[] }[];
  carbon_g?: number | null;
  violations: string[];
  notices: string[];
  explanation?: string | null;
}

export interface PlanComparison {
  plans: PlanSummary[];
  currency?: string | null;
  rows: { kind: 'cost' | 'energy'; part: string; what: string; unit: string; values: (number | null)[]; differences: (number | null)[] }[];
}
