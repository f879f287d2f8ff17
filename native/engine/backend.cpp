#include "backend.h"

#include "error.h"
#include "log.h"

#include <llama.h>

#include <mutex>
#include <set>

namespace specdecpp {

namespace {

std::string typeName(enum ggml_backend_dev_type type) {
    switch (type) {
    case GGML_BACKEND_DEVICE_TYPE_CPU:
        return "cpu";
    case GGML_BACKEND_DEVICE_TYPE_GPU:
        return "gpu";
    case GGML_BACKEND_DEVICE_TYPE_IGPU:
        return "integrated-gpu";
    default:
        return "accelerator";
    }
}

} // namespace

void loadBackends(const std::vector<std::string>& directories) {
    static std::mutex mutex;
    static std::set<std::string> loaded;
    const std::lock_guard<std::mutex> lock(mutex);
    installLog();
    for (const std::string& directory : directories) {
        // The first folder holds the CPU backend. When another user of this llama.cpp has registered
        // one (or a source build has it linked in), loading ours would list the processor twice.
        const bool haveCpu = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU) != nullptr;
        const bool first = directory == directories.front();
        if (loaded.insert(directory).second && !(first && haveCpu)) {
            ggml_backend_load_all_from_path(directory.c_str());
        }
    }
    if (ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU) == nullptr) {
        throw EngineError("ERR_ADDON_LOAD",
                          "llama.cpp's CPU backend could not be loaded from " +
                              (directories.empty() ? std::string("(no folder given)") : directories.front()) +
                              ": build the addon again with `npx specdecpp build`.");
    }
}

std::vector<DeviceInfo> listDevices() {
    std::vector<DeviceInfo> devices;
    for (size_t i = 0; i < ggml_backend_dev_count(); ++i) {
        ggml_backend_dev_props properties;
        ggml_backend_dev_get_props(ggml_backend_dev_get(i), &properties);
        devices.push_back({properties.name, properties.description, typeName(properties.type),
                           properties.memory_free, properties.memory_total});
    }
    return devices;
}

ggml_backend_dev_t findDevice(const std::string& name) {
    if (ggml_backend_dev_t device = ggml_backend_dev_by_name(name.c_str())) {
        return device;
    }
    std::string known;
    for (const DeviceInfo& device : listDevices()) {
        known += (known.empty() ? "" : ", ") + device.name;
    }
    throw EngineError("ERR_NO_DEVICE", "There is no device named \"" + name + "\" on this machine; there is: " + known +
                                           ". Name one of these, or leave the option out.");
}

std::string loadedRelease() {
    const std::string version = llama_version();
    return version.substr(0, version.find("-dev"));
}

} // namespace specdecpp
