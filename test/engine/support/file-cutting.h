#pragma once

#include <cstdint>
#include <string>

// Copies the first `size` bytes of a file.
void copyBeginning(const std::string& from, const std::string& to, uintmax_t size);

void writeText(const std::string& path, const std::string& text);
std::string readText(const std::string& path);
