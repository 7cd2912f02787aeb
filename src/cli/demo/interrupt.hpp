// Whoever runs the demo may want it to end: Ctrl-C, a closed terminal, a pipe that nobody reads any
// more. Each of these only sets a mark, so that the demo always takes down what it has put up.
#pragma once

namespace culvert::cli::demo {

// From here on SIGINT, SIGTERM, SIGHUP, SIGQUIT and SIGPIPE set the mark instead of ending the
// process; one that was ignored stays ignored (nohup).
void watch_for_interrupts();
// For a child between fork and exec: these signals end it again. Safe there.
void end_by_interrupts();
// The signal that set the mark first; 0 as long as none did.
int interrupted_by();
inline bool interrupted() { return interrupted_by() != 0; }

}  // namespace culvert::cli::demo
