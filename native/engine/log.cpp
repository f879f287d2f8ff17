#include "log.h"

#include <llama.h>

#include <mutex>

namespace specdecpp {

namespace {

thread_local LogCapture* current = nullptr;
thread_local bool continuing = false; // the last line was kept, so a GGML_LOG_LEVEL_CONT belongs to it

} // namespace

void receiveLogLine(const char* text) {
    if (current != nullptr) {
        current->text_ += text;
    }
}

void installLog() {
    static std::once_flag once;
    // The callback is a plain function of this module, which is never unloaded (addon.cpp): it must
    // not belong to a JavaScript environment, because llama.cpp calls it for the whole process.
    std::call_once(once, [] {
        llama_log_set(
            [](ggml_log_level level, const char* text, void*) {
                if (level != GGML_LOG_LEVEL_CONT) {
                    continuing = level == GGML_LOG_LEVEL_ERROR;
                }
                if (continuing) {
                    receiveLogLine(text);
                }
            },
            nullptr);
    });
}

LogCapture::LogCapture() : outer_(current) {
    current = this;
}

LogCapture::~LogCapture() {
    current = outer_;
}

std::string LogCapture::reason() const {
    std::string line;
    for (const char c : text_) {
        if (c == '\n') {
            line += "; ";
        } else {
            line += c;
        }
    }
    while (!line.empty() && (line.back() == ' ' || line.back() == ';')) {
        line.pop_back();
    }
    return line;
}

} // namespace specdecpp
