#include "file-writing.h"

#include "error.h"

#include <cerrno>
#include <filesystem>
#include <fstream>

namespace specdecpp {

void replaceFile(const std::string& input, const std::string& output,
                 const std::function<void(const std::string& partial)>& write) {
    std::error_code ignored;
    if (std::filesystem::equivalent(input, output, ignored)) {
        throw EngineError("ERR_INVALID_ARGUMENT", "The output is the input, " + input + "; name another file.");
    }
    const std::string partial = output + ".partial";
    try {
        if (!std::ofstream(partial)) { // asked first, because `write` may not know a bad output from a bad input
            throw std::filesystem::filesystem_error("", std::error_code(errno, std::generic_category()));
        }
        write(partial);
        std::filesystem::rename(partial, output);
    } catch (const std::filesystem::filesystem_error& error) {
        std::filesystem::remove(partial, ignored);
        throw EngineError("ERR_WRITE", "Cannot write " + output + ": " + error.code().message() +
                                           ". Check the folder, its permissions and the space that is left.");
    } catch (...) {
        std::filesystem::remove(partial, ignored);
        throw;
    }
}

} // namespace specdecpp
