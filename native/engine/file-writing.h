#pragma once

#include <functional>
#include <string>

namespace specdecpp {

// Has `write` make the file under a name of its own beside `output`, and puts it in place when it is
// whole, so that a failure leaves no file. Throws ERR_WRITE, or ERR_INVALID_ARGUMENT if the output is
// the input.
void replaceFile(const std::string& input, const std::string& output,
                 const std::function<void(const std::string& partial)>& write);

} // namespace specdecpp
