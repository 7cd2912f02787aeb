// How jemalloc is set up, read by it before main(). Two arenas, because there are few threads and
// each arena keeps its own unused pages; those go back within seconds, from a thread of jemalloc's.
// Allocations can be sampled, but are not until somebody asks (admin's /debug/pprof/heap): that can
// only be had from the start on. 512 KiB between samples, as elsewhere.

extern "C" {
// NOLINTNEXTLINE(readability-identifier-naming): jemalloc looks for this name.
const char* malloc_conf =
    "narenas:2,dirty_decay_ms:2000,muzzy_decay_ms:0,background_thread:true,"
    "prof:true,prof_active:false,lg_prof_sample:19";
}
