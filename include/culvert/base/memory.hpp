// What a process does about its own memory as a whole: keep others out of it, and give back what it
// no longer needs.
#pragma once

namespace culvert {

// For processes that hold private keys. No core dumps from here on, and no reading of our memory by
// other processes of the same user: CAP_SYS_PTRACE still may (ptrace(2), "dumpable"). A kernel that
// refuses is worth a warning in the log. Call before there are keys; any thread.
void protect_memory();

// Gives back the resident pages of code and constants that only start-up needed: they are clean, so
// what is used again comes back from the page cache at the price of a minor fault. gRPC and its
// libraries alone leave some 10 MB. Any thread, while others run.
void release_startup_pages();

}  // namespace culvert
