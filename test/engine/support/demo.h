#pragma once

#include "context.h"
#include "session.h"

#include <memory>
#include <string>
#include <vector>

// The demo pair: one vocabulary of 4096 tokens, a target of 5.9 and a draft of 0.9 million parameters.
std::string demoTargetPath();
std::string demoDraftPath();

// Loaded once for the whole run. The target in Q8_0: a pass of several rows takes a third of the time
// that the file's F16 takes.
std::shared_ptr<const specdecpp::Model> demoTarget();
std::shared_ptr<const specdecpp::Model> demoDraft();

std::shared_ptr<const specdecpp::Model> loadModel(const std::string& path);

// llama.cpp's processor backend, without which no model loads.
void loadTestBackends();

// Prompts the pair was made for, tokenized: questions in chat form, and Python functions to go on with.
const std::vector<std::vector<specdecpp::Token>>& demoPrompts();
std::vector<specdecpp::Token> tokenizePrompt(const std::string& text);

specdecpp::ContextOptions contextOptions(int size, int maxOutputs = 1);

// Contexts of these sizes for a session of the pair.
specdecpp::SessionOptions sessionOptions(int maxDraft, int targetSize = 512, int draftSize = 512);

specdecpp::RoundOptions roundOptions(int length, const specdecpp::Verifier& verifier = specdecpp::rejectionSampling);
