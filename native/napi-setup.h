#pragma once

// The only place that includes napi.h. Each define keeps Node or Electron alive in a case that
// otherwise ends the process.

// A std::exception out of a synchronous method becomes a JavaScript error.
#define NODE_ADDON_API_CPP_EXCEPTIONS_ALL
// A worker thread may end while an AsyncWorker runs; its result then has nowhere to go.
#define NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS
// Electron forbids external buffers: what JavaScript gets is a copy, or does not compile.
#define NODE_API_NO_EXTERNAL_BUFFERS_ALLOWED

#include <napi.h>
