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

// Loads the backends of `directory`: loadable modules libggml-<backend>*, of which the best for this
// processor is chosen. Process-wide and idempotent: nothing that is registered already, by another
// engine or by another user of the same llama.cpp, is loaded a second time. Throws ERR_ADDON_LOAD
// without a CPU.
void loadBackends(const std::string& directory);

// Loads a further module, once a process. Returns why it brings no device here, "" if it brings one.
std::string loadModule(const std::string& file);

std::vector<DeviceInfo> listDevices();

// The device of that name. Throws ERR_NO_DEVICE, naming those that exist.
ggml_backend_dev_t findDevice(const std::string& name);

// llama.cpp's release as the loaded library reports it, without "-dev": "0.4.0".
std::string loadedRelease();

} // namespace specdecpp
