#include "temporary-folder.h"

#include <random>

TemporaryFolder::TemporaryFolder() {
    std::random_device device;
    do {
        path_ = std::filesystem::temp_directory_path() / ("specdecpp-" + std::to_string(device()));
    } while (!std::filesystem::create_directory(path_));
}

TemporaryFolder::~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}
