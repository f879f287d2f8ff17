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

void loadBackends(const std::string& directory, const std::vector<std::string>& modules) {
    static std::mutex mutex;
    static std::set<std::string> loaded;
    const std::lock_guard<std::mutex> lock(mutex);
    installLog();
    const auto haveCpu = [] { return ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU) != nullptr; };
    if (!haveCpu()) {
        ggml_backend_load_all_from_path(directory.c_str());
    }
    if (!haveCpu()) {
        throw EngineError("ERR_ADDON_LOAD", "llama.cpp's CPU backend could not be loaded from " + directory +
                                                ": build the addon again with `npx specdecpp build`.");
    }
    for (const std::string& module : modules) {
        if (loaded.insert(module).second) {
            ggml_backend_load(module.c_str());
        }
    }
}

std::vector<DeviceInfo> listDevices() {
    std::vector<DeviceInfo> devices;
    for (size_t i = 0; i < ggml_backend_dev_count(); ++i) {
        ggml_backend_dev_props properties;
        ggml_backend_dev_get_props(ggml_backend_dev_get(i), &properties);
        devices.push_back({properties.name, properties.description, typeName(properties.type), properties.memory_free,
                           properties.memory_total});
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
