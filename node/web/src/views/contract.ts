//! That the shapes which the views show are those of the API: this file compiles, or one of them has changed.

import type { Schemas } from '../api/client';
import type * as Shown from './shapes';

/** What is answered must be what is shown. */
type Fits<Answered extends Expected, Expected> = Answered;

export type Contract = [
  Fits<Schemas['Device'], Shown.Device>,
  Fits<Schemas['Channel'], Shown.Channel>,
  Fits<Schemas['Handed'], Shown.Enrolled>,
  Fits<Schemas['AuditLine'], Shown.AuditEntry>,
  Fits<Schemas['Command'], Shown.Command>,
  Fits<Schemas['ControlStatus'], Shown.ControlStatus>,
  Fits<Schemas['Explanation'], Shown.Explanation>,
  Fits<Schemas['CurrentPlan'], Shown.CurrentPlan>,
  Fits<Schemas['PlanSummary'], Shown.PlanSummary>,
  Fits<Schemas['Plan'], Shown.Plan>,
  Fits<Schemas['PlanComparison'], Shown.PlanComparison>,
  Fits<Schemas['BalanceAnswer'], Shown.Balance>,
  Fits<Schemas['Findings'], Shown.Findings>,
  Fits<Omit<Schemas['Import'], 'report'>, Omit<Shown.Import, 'report'>>,
  Fits<Schemas['Alarm'], Shown.Alarm>,
  Fits<Schemas['AlarmRule'], Shown.AnsweredRule>,
  Fits<Schemas['Notifier'], Shown.Notifier>,
  Fits<Schemas['User'], Shown.User>,
  Fits<Schemas['Member'], Shown.Member>,
  Fits<Schemas['Token'], Shown.Token>,
  Fits<Schemas['ListedSession'], Shown.SessionEntry>,
];
