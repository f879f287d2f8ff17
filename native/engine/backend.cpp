#include "backend.h"

#include "error.h"
#include "log.h"

#include <llama.h>

#include <map>
#include <mutex>

namespace specdecpp {

namespace {

std::mutex loading;

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

void loadBackends(const std::string& directory) {
    const std::lock_guard<std::mutex> lock(loading);
    installLog();
    const auto haveCpu = [] { return ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU) != nullptr; };
    if (!haveCpu()) {
        ggml_backend_load_all_from_path(directory.c_str());
    }
    if (!haveCpu()) {
        throw EngineError("ERR_ADDON_LOAD", "llama.cpp's CPU backend could not be loaded from " + directory +
                                                ": build the addon again with `npx specdecpp build`.");
    }
}

std::string loadModule(const std::string& file) {
    static std::map<std::string, std::string> reasons;
    const std::lock_guard<std::mutex> lock(loading);
    installLog();
    const auto [known, isNew] = reasons.try_emplace(file);
    if (isNew) {
        const LogCapture log;
        ggml_backend_reg_t backend = ggml_backend_load(file.c_str());
        if (backend == nullptr || ggml_backend_reg_dev_count(backend) == 0) {
            known->second = log.reason();
            if (known->second.empty()) {
                known->second = backend == nullptr ? "it does not run here" : "it finds no device";
            }
        }
    }
    return known->second;
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
