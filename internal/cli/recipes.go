package cli

// recipes is the text of uer help recipes. Its commands are those of the scripts in folder scripts.
const recipes = `Each recipe is two commands. The corpus has one document per line; for BERT and
ALBERT, one sentence per line and a blank line after each document. With
--pretrained_model_path FILE and --learning_rate 2e-5, training starts from
another model. scripts/ has the recipes as scripts, and configs/demo.yaml a
whole training in a file.

RoBERTa: masked tokens, other ones in each pass
  uer preprocess --vocab_path vocab.txt --corpus_path corpus.txt \
                 --dynamic_masking --target mlm
  uer pretrain --vocab_path vocab.txt --output_model_path model.bin \
               --config_path models/bert_base_config.json \
               --learning_rate 1e-4 --target mlm

SpanBERT: masked spans of tokens
  uer preprocess --vocab_path vocab.txt --corpus_path corpus.txt \
                 --dynamic_masking --target mlm
  uer pretrain --vocab_path vocab.txt --output_model_path model.bin \
               --config_path models/bert_base_config.json --span_masking \
               --learning_rate 1e-4 --target mlm

BERT: masked tokens, and whether a sentence follows another
  uer preprocess --vocab_path vocab.txt --corpus_path corpus.txt \
                 --dynamic_masking --target bert
  uer pretrain --vocab_path vocab.txt --output_model_path model.bin \
               --config_path models/bert_base_config.json \
               --learning_rate 1e-4 --target bert

ALBERT: masked tokens, and the order of two sentences; layers share parameters
  uer preprocess --vocab_path vocab.txt --corpus_path corpus.txt \
                 --target albert
  uer pretrain --vocab_path vocab.txt --output_model_path model.bin \
               --config_path models/albert_base_config.json \
               --factorized_embedding_parameterization --parameter_sharing \
               --learning_rate 1e-4 --target albert

GPT: the next token
  uer preprocess --vocab_path vocab.txt --corpus_path corpus.txt --target lm
  uer pretrain --vocab_path vocab.txt --output_model_path model.bin \
               --config_path models/bert_base_config.json \
               --embedding word_pos --mask causal \
               --learning_rate 1e-4 --target lm

GPT-2: the same, normalised before instead of after each layer
  uer preprocess --vocab_path vocab.txt --corpus_path corpus.txt --target lm
  uer pretrain --vocab_path vocab.txt --output_model_path model.bin \
               --config_path models/bert_base_config.json \
               --embedding word_pos --remove_embedding_layernorm \
               --mask causal --layernorm_positioning pre --tie_weights \
               --learning_rate 1e-4 --target lm

ELMo: the next and the previous token, with two LSTMs
  uer preprocess --vocab_path vocab.txt --corpus_path corpus.txt --target bilm
  uer pretrain --vocab_path vocab.txt --output_model_path model.bin \
               --config_path models/birnn_config.json --embedding word \
               --encoder bilstm --learning_rate 5e-4 --target bilm

LSTM (or GRU, --encoder gru): the next token
  uer preprocess --vocab_path vocab.txt --corpus_path corpus.txt --target lm
  uer pretrain --vocab_path vocab.txt --output_model_path model.bin \
               --config_path models/rnn_config.json --embedding word \
               --encoder lstm --learning_rate 1e-3 --target lm

gated CNN: the next token
  uer preprocess --vocab_path vocab.txt --corpus_path corpus.txt --target lm
  uer pretrain --vocab_path vocab.txt --output_model_path model.bin \
               --config_path models/gatedcnn_9_config.json --embedding word \
               --encoder gatedcnn --learning_rate 1e-4 --target lm`
