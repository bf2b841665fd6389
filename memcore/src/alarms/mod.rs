//! Alarms: what is watched, when it is raised, when it clears; pure, time is an argument.
