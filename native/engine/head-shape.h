#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace specdecpp {

enum class HeadKind {
    paper, // SpecDec++ (arXiv 2405.19715): scores Y_k from h_k
    full,  // three outputs, of h_k and of scalars
};

// The outputs of a full head at a step with k drafted tokens, where h_k gave q_{k+1}. A paper's head has
// the first alone.
enum HeadOutput {
    older,  // about Y_k
    before, // about Y_{k+1}, while it is not drawn
    newest, // about Y_{k+1}, once it is
};

constexpr int maxHeadOutputs = 3;

inline const std::string tokenColumn = "drawn.token.";
constexpr int maxHeadDepth = 4;

// A tensor of parameters, [rows][columns], in the order in which all of them stand one after the other.
struct HeadTensor {
    std::string name;
    int rows;
    int columns; // 1: a vector
    size_t offset;
    bool isMatrix; // of the state or of scalars: decays, and may be quantized if it is of the state
    size_t size() const { return static_cast<size_t>(rows) * static_cast<size_t>(columns); }
};

// Where these tensors begin.
struct HeadOffsets {
    struct Block {
        size_t weight = 0;
        size_t bias = 0;
    };
    Block blocks[maxHeadDepth]; // tied ones are all the first
    size_t state = 0;
    size_t scalars = 0;
    size_t hiddenBias = 0;
    size_t output = 0;
    size_t skip = 0;
    size_t outputBias = 0;
};

// What a head is made of. Blocks: x ← x + SiLU(W x + b). Then a paper's head: logits = W x + b, two of
// them, whose difference is its score. A full head, for each output o: v_o · SiLU(A_o x + B_o s_o + c_o) +
// w_o · s_o + b_o, where s_o are the standardized scalars that it may read.
struct HeadShape {
    HeadKind kind = HeadKind::paper;
    int width = 0; // of a state
    int depth = 0; // blocks
    bool tied = false;
    int hidden = 0;                   // full
    std::vector<std::string> columns; // full: names of the scalars
    std::vector<uint8_t> masks;       // full: [outputs][columns]

    // Throws ERR_INVALID_ARGUMENT for what no head can be.
    void check() const;

    // Columns that are a row of the file's table of tokens, for the token drawn: "drawn.token.0", …
    int tokenColumns() const;

    int outputs() const { return kind == HeadKind::paper ? 1 : maxHeadOutputs; }
    int scalars() const { return static_cast<int>(columns.size()); }
    // Blocks that have weights of their own.
    int blocks() const { return tied ? (depth > 0 ? 1 : 0) : depth; }

    std::vector<HeadTensor> tensors() const;
    HeadOffsets offsets() const;
    size_t parameters() const;

    // Everything above as one line, so that what belongs to another shape is recognized.
    std::string description() const;
};

} // namespace specdecpp
