#pragma once

#include <ggml-backend.h>

#include <cstdint>
#include <string>
#include <vector>

namespace specdecpp {

struct DeviceInfo {
    std::string name; // "CPU", "CUDA0", "Vulkan0", …: what a model's `devices` option takes
    std::string description;
    std::string type; // "cpu", "gpu", "integrated-gpu" or "accelerator"
    uint64_t memoryFreeBytes;
    uint64_t memoryTotalBytes;
};

// Loads the backends found in `directories` (loadable modules named libggml-<backend>*). Process-wide
// and idempotent: backends that are registered already, by another engine or by another user of the
// same llama.cpp, are not loaded a second time.
void loadBackends(const std::vector<std::string>& directories);

std::vector<DeviceInfo> listDevices();

// The device of that name. Throws ERR_NO_DEVICE, naming those that exist.
ggml_backend_dev_t findDevice(const std::string& name);

// llama.cpp's release as the loaded library reports it, without "-dev": "0.4.0".
std::string loadedRelease();

} // namespace specdecpp
