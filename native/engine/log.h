#pragma once

#include <string>

namespace specdecpp {

// Routes llama.cpp's process-wide log into this module, once. Nothing is printed: warnings and
// errors are kept for the LogCapture of the thread that caused them.
void installLog();

// While it lives, collects what llama.cpp reports on this thread, so that an error can say why.
class LogCapture {
public:
    LogCapture();
    ~LogCapture();
    LogCapture(const LogCapture&) = delete;
    LogCapture& operator=(const LogCapture&) = delete;

    // The reported errors, as one line; "" if there were none.
    std::string reason() const;

private:
    LogCapture* outer_;
    std::string text_;

    friend void receiveLogLine(const char* text);
};

} // namespace specdecpp
