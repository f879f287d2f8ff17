// Linked to llama-speculative-simple: its log is written by a thread, and it does not wait for that
// thread when it ends, so that now and then the last lines, which have the figures, would be missing.

#include "log.h"

namespace {

struct FlushAtExit {
    ~FlushAtExit() { common_log_flush(common_log_main()); }
};

const FlushAtExit flushAtExit;

} // namespace
